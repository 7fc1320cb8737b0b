// SPDX-License-Identifier: MIT
// What comes back: resident memory at the peak, after everything was freed, and after asking for a trim.
'use strict';

const STAGES = [
  {field: 'rss_trimmed', words: 'trimmed', size: 11, opacity: 1},
  {field: 'rss_drained', words: 'all freed', size: 11, opacity: 0.55},
  {field: 'rss_peak', words: 'peak', size: 7, opacity: 1},
];

const drained = (cell) => STAGES.every(({field}) => positive(cell.median[field]));

function returnedTip(contender, median) {
  return tooltip(contender.name, [
    {text: 'before', value: formatBytes(median.rss_before)},
    {text: 'peak', value: formatBytes(median.rss_peak)},
    {text: 'all freed', value: formatBytes(median.rss_drained)},
    {text: 'trimmed', value: formatBytes(median.rss_trimmed)},
  ]);
}

function returnedSeries(model, cells) {
  return cells.flatMap((cell, row) => {
    const contender = model.contender(cell.contender);
    const values = STAGES.map(({field}) => cell.median[field]);
    const line = segments(contender, [[[Math.min(...values), row], [Math.max(...values), row]]]);
    return [
      line,
      ...STAGES.map(
          ({field, size, opacity}) => marks(
              contender, [{value: [cell.median[field], row], tip: () => returnedTip(contender, cell.median)}],
              stageLook(contender, field, size, opacity)))
    ];
  });
}

function stageLook(contender, field, size, opacity) {
  if (field === 'rss_trimmed') return {symbol: 'circle', symbolSize: size, z: 5};
  if (field === 'rss_drained') {
    return {
      symbol: 'circle',
      symbolSize: size,
      itemStyle: {color: themeColour('panel'), borderColor: contender.colour, borderWidth: 2}
    };
  }
  return {symbol: 'rect', symbolSize: [3, 15], itemStyle: {color: contender.colour, opacity}};
}

const returnedPanel = {
  id: 'returned',
  title: 'Memory that comes back',
  how:
      'Left is better: resident memory at its peak (bar), when everything has been freed (ring), and after a request ' +
      'to trim (dot); an allocator that gives memory back has its dot far to the left of its bar.',
  selectors: [
    {
      key: 'workload',
      label: 'Workload',
      choices: workloadChoices(drained),
      preferred: ['memory', 'malloc-large', 'mstress']
    },
    {key: 'threads', label: 'Threads', choices: threadChoices},
  ],
  draw(model, {workload, threads}, width) {
    const cells = model.shown.map((one) => model.cell(workload, one.name, threads))
                      .filter((cell) => cell && drained(cell))
                      .sort((a, b) => a.median.rss_trimmed - b.median.rss_trimmed);
    if (cells.length === 0) return nothingToDraw(model);
    const names = cells.map((cell) => cell.contender);
    const left = rowLabels(names);
    const values = cells.flatMap(({median}) => STAGES.map(({field}) => median[field]));
    return {
      height: cells.length * 28 + 50,
      note: model.workload(workload).what,
      option: {
        grid: {left, right: 24, top: 6, bottom: 44, outerBoundsMode: 'none'},
        xAxis: linearAxis(values, formatBytes, 'resident memory', width - left - 24, {binary: true}),
        yAxis: rowAxis(names),
        series: returnedSeries(model, cells),
      },
    };
  },
};
