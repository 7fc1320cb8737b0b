// SPDX-License-Identifier: MIT
// Put behind a page's own scripts by the test: turns every knob, looks at every drawing, and leaves what it saw on the
// root element as data-driven="{...}".
'use strict';

/** Boxes of the visible texts of a chart that lie on each other by more than two pixels. */
function overlaps(chart) {
  const boxes =
      [...chart.querySelectorAll('text')].map((text) => ({text: text.textContent, box: text.getBoundingClientRect()}));
  const deep = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
  return boxes.flatMap(
      (one, index) =>
          boxes.slice(index + 1).filter((two) => deep(one.box, two.box)).map((two) => `${one.text} / ${two.text}`));
}

/** Texts of a chart that are cut by its edge. */
function cut(chart) {
  const frame = chart.getBoundingClientRect();
  return [...chart.querySelectorAll('text')]
      .filter((text) => {
        const box = text.getBoundingClientRect();
        return box.left < frame.left - 1 || box.right > frame.right + 1;
      })
      .map((text) => text.textContent);
}

/** Whether a drawing has marks, or says why it has none. */
function drawn(chart) {
  if (chart.hidden) return chart.nextElementSibling.textContent.length > 0;
  return JSON.parse(chart.dataset.series).length > 0 && chart.querySelectorAll('svg path').length > 0;
}

function lookAt(chart, where, seen) {
  if (!drawn(chart)) seen.empty.push(where);
  seen.overlaps.push(...overlaps(chart).map((words) => `${where}: ${words}`));
  seen.cut.push(...cut(chart).map((words) => `${where}: ${words}`));
}

/** The words of the tooltip of a chart's last mark. */
function tipOf(chart) {
  const instance = echarts.getInstanceByDom(chart);
  const series = instance.getOption().series;
  const seriesIndex = Math.max(0, series.findLastIndex(({data}) => data[0]?.tip));
  instance.dispatchAction({type: 'showTip', seriesIndex, dataIndex: 0});
  return chart.querySelector('table.tooltip')?.textContent ?? '';
}

function chooseEverything(seen) {
  for (const select of document.querySelectorAll('select')) {
    const chart = select.closest('section').querySelector('[data-chart]');
    for (let index = select.options.length - 1; index >= 0; --index) {
      select.selectedIndex = index;
      select.dispatchEvent(new Event('change'));
      seen.choices += 1;
      lookAt(chart, `${chart.dataset.chart}, ${select.options[index]?.textContent}`, seen);
    }
  }
}

function switchOffOneAfterAnother(seen) {
  for (const name of [...document.querySelectorAll('#legend button[data-contender]')].map(
           (one) => one.dataset.contender)) {
    const button = [...document.querySelectorAll('#legend button')].find((one) => one.dataset.contender === name);
    button.click();
    for (const chart of document.querySelectorAll('[data-chart]:not([hidden])')) {
      if (JSON.parse(chart.dataset.series).includes(name)) seen.stillThere.push(`${chart.dataset.chart}: ${name}`);
      if (chart.querySelector(`[fill="${button.dataset.colour}"]`))
        seen.stillThere.push(`${chart.dataset.chart}: ${name}'s colour`);
    }
  }
  for (const chart of document.querySelectorAll('[data-chart]'))
    if (!drawn(chart)) seen.empty.push(`${chart.dataset.chart}, all off`);
  document.querySelector('#legend button.all')?.click();
}

const seen = {
  choices: 0,
  tips: {},
  empty: [],
  overlaps: [],
  cut: [],
  stillThere: [],
  wide: 0,
  loaded: 0
};
for (const chart of document.querySelectorAll('[data-chart]')) {
  lookAt(chart, chart.dataset.chart, seen);
  seen.tips[chart.dataset.chart] = tipOf(chart);
}
seen.injected = document.querySelectorAll('.tooltip b').length;
chooseEverything(seen);
switchOffOneAfterAnother(seen);
seen.wide = document.documentElement.scrollWidth - innerWidth;
seen.loaded = performance.getEntriesByType('resource').length;
document.documentElement.dataset.driven = JSON.stringify(seen);
