// SPDX-License-Identifier: MIT
// Throughput by number of threads, one workload at a time; bars where only one number of threads was measured.
'use strict';

/** Workloads with more than one number of threads, or all where there is none such. */
function scalableWorkloads(model) {
  const several = model.workloads().filter((name) => model.threads(name).length > 1);
  return (several.length ? several : model.workloads()).map((name) => ({value: name, text: name}));
}

function throughputTip(model, workload, threads, chosen) {
  const cells = model.shown.map((one) => model.cell(workload, one.name, threads))
                    .filter(Boolean)
                    .sort((a, b) => b.median.operations_per_second - a.median.operations_per_second);
  return tooltip(
      `${workload}, ${plural(threads, 'thread')}`, cells.map((cell) => ({
                                                               contender: model.contender(cell.contender),
                                                               strong: cell === chosen,
                                                               value: formatRate(cell.median.operations_per_second),
                                                             })));
}

function throughputCells(model, workload, counts) {
  return model.shown
      .map((contender) => ({
             contender,
             cells: counts.map((count) => model.cell(workload, contender.name, count))
                        .filter((cell) => positive(cell?.median.operations_per_second)),
           }))
      .filter(({cells}) => cells.length > 0);
}

/** How far down each name at a line's end is pushed, in pixels, so that none covers another. */
function endLabels(lines, last, y, pixels) {
  const ends =
      lines.filter(({cells}) => cells.at(-1).threads === last)
          .map(({contender,
                 cells}) => [contender.name, (1 - onLog(y, cells.at(-1).median.operations_per_second)) * pixels])
          .sort((a, b) => a[1] - b[1]);
  const step = 15;
  const places = ends.map(([, at]) => at);
  for (let i = 1; i < places.length; ++i) places[i] = Math.max(places[i], places[i - 1] + step);
  for (let i = places.length - 1, most = pixels; i >= 0; --i, most = places[i + 1] - step)
    places[i] = Math.min(places[i], most);
  return new Map(ends.map(([name, at], index) => [name, places[index] - at]));
}

function throughputLines(model, lines, counts, y, pixels) {
  const labels = endLabels(lines, counts.at(-1), y, pixels);
  return lines.map(
      ({contender, cells}) => ({
        type: 'line',
        name: contender.name,
        z: 4,
        symbol: 'path://' + SYMBOLS[contender.symbol],
        symbolSize: symbolSize(contender.symbol, 10),
        lineStyle: {color: contender.colour, width: 2, type: contender.kind === 'floor' ? 'dashed' : 'solid'},
        itemStyle: {color: contender.colour},
        emphasis: {focus: 'series'},
        data: cells.map((cell) => ({
                          value: [counts.indexOf(cell.threads), cell.median.operations_per_second],
                          tip: () => throughputTip(model, cell.workload, cell.threads, cell),
                        })),
        endLabel: {
          show: labels.has(contender.name),
          formatter: contender.name,
          color: contender.colour,
          fontSize: 12,
          offset: [6, labels.get(contender.name) ?? 0]
        },
      }));
}

function throughputBars(model, lines, width) {
  lines.sort((a, b) => b.cells[0].median.operations_per_second - a.cells[0].median.operations_per_second);
  const names = lines.map(({contender}) => contender.name);
  const values = lines.map(({cells}) => cells[0].median.operations_per_second);
  const left = rowLabels(names);
  return {
    height: lines.length * 30 + 50,
    note: `Only ${plural(lines[0].cells[0].threads, 'thread')} measured: longer is faster.`,
    option: {
      grid: {left, right: 80, top: 6, bottom: 44, outerBoundsMode: 'none'},
      xAxis: linearAxis(values, formatRate, 'operations per second', width - left - 80),
      yAxis: barAxis(names),
      series: lines.map(({contender, cells}, row) => bar(contender, cells[0].median.operations_per_second, row, {
                          text: formatRate(cells[0].median.operations_per_second),
                          tip: () => throughputTip(model, cells[0].workload, cells[0].threads, cells[0]),
                        })),
    },
  };
}

const threadsPanel = {
  id: 'threads',
  title: 'Throughput by threads',
  how: 'Higher is faster, and a line that keeps rising scales: allocations with their frees per second, over all ' +
      'threads, on a logarithmic scale, so that equal slopes mean equal scaling.',
  selectors: [{
    key: 'workload',
    label: 'Workload',
    choices: scalableWorkloads,
    preferred: ['larson', 'rptest', 'mstress', 'producer-consumer']
  }],
  draw(model, {workload}, width) {
    const counts = model.threads(workload);
    const lines = throughputCells(model, workload, counts);
    if (lines.length === 0) return nothingToDraw(model);
    if (counts.length === 1) return throughputBars(model, lines, width);
    const values = lines.flatMap(({cells}) => cells.map((cell) => cell.median.operations_per_second));
    const height = 400;
    const right = widest(lines.map(({contender}) => contender.name)) + 26;
    const y = logAxis(values, formatRate, '', height - 60, {wanted: 32});
    return {
      height,
      note: model.workload(workload).what,
      option: {
        grid: {left: 70, right, top: 14, bottom: 46, outerBoundsMode: 'none'},
        xAxis: tickedAxis(
            counts.map((_, index) => index), (index) => counts[index], 'threads',
            {type: 'value', min: -0.03 * counts.length, max: counts.length - 1}),
        yAxis: y,
        series: throughputLines(model, lines, counts, y, height - 60),
      },
    };
  },
};
