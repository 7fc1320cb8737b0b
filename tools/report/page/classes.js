// SPDX-License-Identifier: MIT
// Class fill: what a pool holds of each size class at the end of the work, live and idle, for those that can tell.
'use strict';

// The contender's colour on the page's, by so much: the further from the next get, the fainter.
const PARTS = [
  {field: 'live', words: 'live', strength: 1},
  {field: 'cached_threads', words: 'cached in threads', strength: 0.55},
  {field: 'cached_depot', words: 'cached in the depot', strength: 0.28},
  {field: 'retained', words: 'retained in spans', strength: 0.08},
];

const holds = (fill) => PARTS.some(({field}) => positive(fill[field])) && positive(fill.bytes);
const told = (cell) => cell?.classes.some(holds) ?? false;
const bytesOf = (fill, field) => (positive(fill[field]) ? fill[field] * fill.bytes : 0);
const heldBytes = (fill) => PARTS.reduce((sum, {field}) => sum + bytesOf(fill, field), 0);

/** Those that are shown and tell of the workload; all that tell of it when none of them is shown. */
function tellingContenders(model, {workload}) {
  const tells = ({name}) => model.threads(workload).some((threads) => told(model.cell(workload, name, threads)));
  const telling = model.drawable.filter(tells);
  const shown = telling.filter(({name}) => !model.hidden.has(name));
  return (shown.length ? shown : telling).map(({name}) => ({value: name, text: name}));
}

function toldThreads(model, {workload, contender}) {
  return model.threads(workload)
      .filter((threads) => told(model.cell(workload, contender, threads)))
      .map((threads) => ({value: threads, text: plural(threads, 'thread')}));
}

function fillTip(fill) {
  const words = (blocks, field) =>
      (positive(blocks) ? `${formatBytes(bytesOf(fill, field))} in ${plural(blocks, 'block')}` : MISSING);
  return tooltip(`blocks of ${formatCount(fill.bytes)} B`, [
    ...PARTS.map((part) => ({text: part.words, value: words(fill[part.field], part.field)})),
    {text: 'together', value: formatBytes(heldBytes(fill)), strong: true}
  ]);
}

/** Opaque, so that the grid does not shine through. */
const shade = (colour, strength) =>
    strength < 1 ? echarts.color.lerp(strength, [themeColour('panel'), colour]) : colour;

function fillSeries(fills, colour) {
  const stacked = {type: 'bar', stack: 'fill', barWidth: '68%', z: 3};
  const parts = PARTS.map(({field, words, strength}) => ({
                            ...stacked,
                            name: words,
                            // An empty part has no outline either.
                            data: fills.map((fill) => bytesOf(fill, field) || '-'),
                            itemStyle: {color: shade(colour, strength), borderColor: colour, borderWidth: 1},
                          }));
  const total = {
    show: true,
    position: 'right',
    distance: 6,
    formatter: ({dataIndex}) => formatBytes(heldBytes(fills[dataIndex])),
    color: themeColour('ink'),
    fontSize: 12
  };
  return [...parts, {...stacked, name: 'together', data: fills.map(() => 0), label: total, silent: true}];
}

/** One line, or two where the page is narrow. */
function fillLegend(width) {
  const icon = 14, gap = 14;
  const line = PARTS.reduce((sum, {words}) => sum + icon + 5 + textWidth(words) + gap, 0);
  return {
    height: Math.ceil(line / width) * (icon + gap),
    option: {
      left: 0,
      top: 0,
      padding: 0,
      itemGap: gap,
      itemWidth: icon,
      itemHeight: 12,
      icon: 'rect',
      selectedMode: false,  // the totals would no longer be those of what is seen
      data: PARTS.map(({words}) => words),
      textStyle: {...axisText(), color: themeColour('ink')},
    },
  };
}

/** "98 % of 12 MiB in 14 size classes is live." */
function fillWords(fills) {
  const all = fills.reduce((sum, fill) => sum + heldBytes(fill), 0);
  const live = fills.reduce((sum, fill) => sum + bytesOf(fill, 'live'), 0);
  const percent = Math.round((1000 * live) / all) / 10;
  return `${percent} % of ${formatBytes(all)} in ${plural(fills.length, 'size class', 'size classes')} is live.`;
}

const classesPanel = {
  id: 'classes',
  title: 'Class fill',
  how:
      'Shorter behind what is live is better: what a pool holds of each size class when the work ends and nothing is ' +
      'freed yet. What waits for reuse stands nearest first; pages of spans need not be resident.',
  selectors: [
    {key: 'workload', label: 'Workload', choices: workloadChoices(told), preferred: ['larson', 'slots', 'mstress']},
    {key: 'contender', label: 'Pool', choices: tellingContenders},
    {key: 'threads', label: 'Threads', choices: toldThreads},
  ],
  draw(model, {workload, contender, threads}, width) {
    const cell = model.cell(workload, contender, threads);
    if (model.hidden.has(contender) || !told(cell)) return nothingToDraw(model);
    const fills = cell.classes.filter(holds).sort((a, b) => a.bytes - b.bytes);
    const names = fills.map((fill) => formatBytes(fill.bytes));
    const left = rowLabels(names);
    const right = 80;
    const legend = fillLegend(width);
    const top = legend.height;
    return {
      height: fills.length * 22 + top + 44,
      note: `${fillWords(fills)} ${model.workload(workload).what ?? ''}`,
      option: {
        grid: {left, right, top, bottom: 44, outerBoundsMode: 'none'},
        legend: legend.option,
        tooltip: {
          trigger: 'axis',
          axisPointer: {type: 'shadow', z: 1, shadowStyle: {color: themeColour('line')}},
          formatter: ([first]) => fillTip(fills[first.dataIndex])
        },
        xAxis: linearAxis(
            fills.map(heldBytes), formatBytes, 'bytes in blocks of the class', width - left - right, {binary: true}),
        yAxis: barAxis(names),
        series: fillSeries(fills, model.contender(contender).colour),
      },
    };
  },
};
