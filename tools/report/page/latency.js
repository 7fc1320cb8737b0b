// SPDX-License-Identifier: MIT
// Latency percentiles of single operations: a row per contender, four marks.
'use strict';

const PERCENTILES = [
  {field: 'p50', words: 'p50', symbol: 'circle'},
  {field: 'p99', words: 'p99', symbol: 'diamond'},
  {field: 'p999', words: 'p99.9', symbol: 'up'},
  {field: 'max', words: 'max', symbol: 'cross'},
];

const timed = (cell) => PERCENTILES.some(({field}) => positive(cell.median[field]));

function latencyTip(contender, median) {
  return tooltip(contender.name, PERCENTILES.map(({field, words}) => ({text: words, value: formatNs(median[field])})));
}

function latencySeries(model, cells) {
  return cells.flatMap((cell, row) => {
    const contender = model.contender(cell.contender);
    const there = PERCENTILES.filter(({field}) => positive(cell.median[field]));
    const values = there.map(({field}) => cell.median[field]);
    const line = segments(contender, [[[Math.min(...values), row], [Math.max(...values), row]]]);
    return [
      line,
      ...there.map(
          ({field, symbol}) => marks(
              contender, [{value: [cell.median[field], row], tip: () => latencyTip(contender, cell.median)}],
              {symbol: 'path://' + SYMBOLS[symbol], symbolSize: 11}))
    ];
  });
}

const latencyPanel = {
  id: 'latency',
  title: 'Latency percentiles',
  how: 'Left is better, and a short line is a steady allocator: single sampled operations, on a logarithmic scale, ' +
      'from the median (p50, dot) by p99 (diamond) and p99.9 (triangle) to the slowest seen (max, cross).',
  selectors: [
    {key: 'workload', label: 'Workload', choices: workloadChoices(timed), preferred: ['larson', 'slots', 'alloc-test']},
    {key: 'threads', label: 'Threads', choices: threadChoices},
  ],
  draw(model, {workload, threads}, width) {
    const cells = model.shown.map((one) => model.cell(workload, one.name, threads))
                      .filter((cell) => cell && timed(cell))
                      .sort((a, b) => (a.median.p99 || 0) - (b.median.p99 || 0));
    if (cells.length === 0) return nothingToDraw(model);
    const names = cells.map((cell) => cell.contender);
    const left = rowLabels(names);
    const values = cells.flatMap(({median}) => PERCENTILES.map(({field}) => median[field]));
    return {
      height: cells.length * 28 + 50,
      note: `Sorted by p99. ${model.workload(workload).what ?? ''}`,
      option: {
        grid: {left, right: 24, top: 6, bottom: 44, outerBoundsMode: 'none'},
        xAxis: logAxis(values, formatNs, 'time of one operation', width - left - 24),
        yAxis: rowAxis(names),
        series: latencySeries(model, cells),
      },
    };
  },
};
