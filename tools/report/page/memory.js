// SPDX-License-Identifier: MIT
// Memory over time: what the process holds of the system's memory, and what the program holds of it.
'use strict';

const sampled = (cell) => cell.memory.length > 1;
const OWN_TIME = 'seconds';
const SHARE = 'share of the run';

const timeOf = (cell, sample, scale) =>
    (scale === SHARE ? (100 * sample.seconds) / (cell.memory.at(-1).seconds || 1) : sample.seconds);

/** A line of [x, bytes]; over the share of the run, slow and fast contenders lie above each other. */
function memoryLine(cell, field, scale) {
  return cell.memory.filter((sample) => Number.isFinite(sample[field]))
      .map((sample) => [timeOf(cell, sample, scale), sample[field]]);
}

/** Five symbols along a line, at places that differ between contenders; the other points are bare. */
function withSymbols(points, index, count) {
  const every = Math.max(1, Math.floor(points.length / 5));
  const first = Math.floor((every * (index + 0.5)) / count);
  return points.map((value, place) => (place % every === first ? {value} : {value, symbol: 'none'}));
}

function memoryTip(model, cells, scale, at) {
  const near = (cell) => cell.memory.reduce((best, sample) => {
    const x = (one) => timeOf(cell, one, scale);
    return Math.abs(x(sample) - at) < Math.abs(x(best) - at) ? sample : best;
  });
  const rows = cells.map((cell) => ({contender: model.contender(cell.contender), sample: near(cell)}))
                   .sort((a, b) => b.sample.rss_bytes - a.sample.rss_bytes);
  return tooltip(
      scale === SHARE ? `at ${threeFigures(at)} % of the run: resident, live` :
                        `at ${formatSeconds(at)}: resident, live`,
      rows.map(({contender, sample}) => ({
                 contender,
                 value: `${formatBytes(sample.rss_bytes)}, ${formatBytes(sample.live_bytes)}`,
               })));
}

function memorySeries(model, cells, scale) {
  const live = (cell, colour, rest) => ({
    type: 'line',
    name: 'live',
    showSymbol: false,
    data: memoryLine(cell, 'live_bytes', scale),
    z: 5,
    lineStyle: {color: colour, width: 1.5, type: 'dashed'},
    itemStyle: {color: colour},
    ...rest,
  });
  const resident = cells.map((cell, index) => {
    const {colour, symbol} = model.contender(cell.contender);
    return {
      type: 'line',
      name: cell.contender,
      z: 4,
      symbol: 'path://' + SYMBOLS[symbol],
      symbolSize: symbolSize(symbol, 9),
      showAllSymbol: true,
      data: withSymbols(memoryLine(cell, 'rss_bytes', scale), index, cells.length),
      lineStyle: {color: colour, width: 2},
      itemStyle: {color: colour},
    };
  });
  // What is live is the same for all at the same share of the run, but not at the same second.
  if (scale === SHARE) return [...resident, live(cells[0], themeColour('ink'))];
  return [...resident, ...cells.map((cell) => live(cell, model.contender(cell.contender).colour, {z: 2}))];
}

const memoryPanel = {
  id: 'memory',
  title: 'Memory over time',
  how: 'Lower is better: resident memory (RSS, solid) should follow what the program has live (dashed), ' +
      'also downwards; the gap between them is what the allocator costs or keeps.',
  selectors: [
    {key: 'workload', label: 'Workload', choices: workloadChoices(sampled), preferred: ['memory', 'mstress', 'larson']},
    {key: 'threads', label: 'Threads', choices: (model, state) => threadChoices(model, state)},
    {key: 'scale', label: 'Against', choices: () => [SHARE, OWN_TIME].map((value) => ({value, text: value}))},
  ],
  draw(model, {workload, threads, scale}, width) {
    const cells =
        model.shown.map((one) => model.cell(workload, one.name, threads)).filter((cell) => cell && sampled(cell));
    if (cells.length === 0) return nothingToDraw(model);
    const bytes = cells.flatMap((cell) => cell.memory.flatMap((sample) => [sample.rss_bytes, sample.live_bytes]));
    const ends = cells.map((cell) => cell.memory.at(-1).seconds);
    const room = width - 92;
    const x = scale === SHARE ?
        tickedAxis([0, 20, 40, 60, 80, 100], (value) => `${value} %`, SHARE, {type: 'value', min: 0, max: 100}) :
        linearAxis(ends, formatSeconds, 'time in the run', room, {max: Math.max(...ends)});
    return {
      height: 380,
      note: model.workload(workload).what,
      option: {
        grid: {left: 72, right: 20, top: 14, bottom: 46, outerBoundsMode: 'none'},
        tooltip: {
          trigger: 'axis',
          axisPointer: {lineStyle: {color: themeColour('muted')}},
          formatter: ([first]) => memoryTip(model, cells, scale, first.value[0])
        },
        xAxis: x,
        yAxis: linearAxis(bytes, formatBytes, '', 320, {binary: true, wanted: 45}),
        series: memorySeries(model, cells, scale),
      },
    };
  },
};
