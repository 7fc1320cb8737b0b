// SPDX-License-Identifier: MIT
// Speed against memory: a point per contender, for one workload or one real program.
'use strict';

/** The workloads and programs with something to plot; the value tells the two apart. */
function tradeoffChoices(model) {
  const workloads =
      model.workloads((cell) => positive(cell.median.rss_peak))
          .flatMap((name) => (model.threads(name).map((threads) => ({
                                                        value: JSON.stringify(['workload', name, threads]),
                                                        text: `${name}, ${plural(threads, 'thread')}`
                                                      }))));
  const programs =
      model.doc.programs.filter((program) => program.contenders.some(ranWell))
          .map(
              (program, index) =>
                  ({value: JSON.stringify(['program', index, program.name]), text: `program ${program.name}`}));
  return [...workloads, ...programs];
}

function workloadPoints(model, name, threads) {
  return model.shown.map((contender) => ({contender, median: model.cell(name, contender.name, threads)?.median}))
      .filter(({median}) => median && positive(median.rss_peak))
      .map(({contender, median}) => ({contender, x: median.ns_per_operation, y: median.rss_peak}));
}

function programPoints(model, index) {
  const program = model.doc.programs.filter((one) => one.contenders.some(ranWell))[index];
  return program.contenders.filter((one) => ranWell(one) && !model.hidden.has(one.name))
      .map((one) => ({contender: model.contender(one.name), x: one.median.wall_seconds * 1e9, y: one.median.rss_peak}));
}

const POINT_SIZE = 13;
const LABEL_GAP = 5;

/** Half the width and height of a point, with the gap to its name. */
function clearOf(contender) {
  const size = symbolSize(contender.symbol, POINT_SIZE);
  const [wide, high] = Array.isArray(size) ? size : [size, size];
  return [wide / 2 + LABEL_GAP, high / 2 + LABEL_GAP];
}

/** Where a name may stand around its point: its box, the chart's word for the side, and a shift up or down. */
function labelSpots({px, py, contender}) {
  const wide = textWidth(contender.name);
  const [beside, above] = clearOf(contender);
  const box = (position, left, middle, shift = 0) =>
      ({position, shift, left, right: left + wide, top: middle + shift - 7, bottom: middle + shift + 7});
  const right = (shift) => box('right', px + beside, py, shift);
  const left = (shift) => box('left', px - beside - wide, py, shift);
  const over = box('top', px - wide / 2, py - above - 7);
  const under = box('bottom', px - wide / 2, py + above + 7);
  return [right(0), left(0), over, under, right(-12), right(12), left(-12), left(12)];
}

/** A spot for each name where it covers no other name or point, or none. */
function placeLabels(points, box) {
  const taken = points.map(({px, py}) => ({left: px - 7, right: px + 7, top: py - 7, bottom: py + 7}));
  const apart = (a, b) => a.right < b.left || a.left > b.right || a.bottom < b.top || a.top > b.bottom;
  const inside = (spot) => spot.left > 0 && spot.right < box.width && spot.top > 0 && spot.bottom < box.height;
  return points.map((point, own) => {
    const spot = labelSpots(point).find(
        (one) => inside(one) && taken.every((other, index) => index === own || apart(one, other)));
    if (spot) taken.push(spot);
    return spot;
  });
}

function tradeoffSeries(points, x, y, box) {
  const placed =
      points.map((point) => ({...point, px: onLog(x, point.x) * box.width, py: (1 - onLog(y, point.y)) * box.height}));
  const spots = placeLabels(placed, box);
  return placed.map(
      ({contender, x: time, y: bytes}, index) => marks(
          contender, [{
            value: [time, bytes],
            tip: () => tooltip(
                contender.name, [{text: 'time', value: formatNs(time)}, {text: 'peak RSS', value: formatBytes(bytes)}]),
          }],
          {
            symbolSize: symbolSize(contender.symbol, POINT_SIZE),
            label: {
              show: spots[index] !== undefined,
              position: spots[index]?.position,
              offset: [0, spots[index]?.shift ?? 0],
              formatter: contender.name,
              color: contender.colour,
              fontSize: 12,
              distance: LABEL_GAP
            },
          }));
}

const tradeoffPanel = {
  id: 'tradeoff',
  title: 'Speed against memory',
  how: 'Down and to the left is better: less time and less memory at once, both scales logarithmic. ' +
      'A contender with another one below it and to its left is beaten on both counts.',
  selectors: [{
    key: 'load',
    label: 'Load',
    choices: tradeoffChoices,
    preferred: [['workload', 'memory', 1], ['workload', 'mstress', 2], ['workload', 'larson', 2]].map(
        (one) => JSON.stringify(one))
  }],
  draw(model, {load}, width) {
    const [kind, which, threads] = JSON.parse(load);
    const points = kind === 'program' ? programPoints(model, which) : workloadPoints(model, which, threads);
    if (points.length === 0) return nothingToDraw(model);
    const box = {width: width - 92, height: 330};
    const x = logAxis(
        points.map((point) => point.x), formatNs,
        kind === 'program' ? 'wall time of the program' : 'time per operation', box.width);
    const y = logAxis(points.map((point) => point.y), formatBytes, '', box.height, {binary: true, wanted: 40});
    return {
      height: 390,
      note: kind === 'program' ? undefined : model.workload(which).what,
      option: {
        grid: {left: 72, right: 20, top: 14, bottom: 46, outerBoundsMode: 'none'},
        xAxis: x,
        yAxis: y,
        series: tradeoffSeries(points, x, y, box),
      },
    };
  },
};
