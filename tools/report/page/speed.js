// SPDX-License-Identifier: MIT
// Time per operation: a row per workload, a mark per contender, whiskers from the fastest to the slowest round.
'use strict';

const ALL = 'all families';

function families(model) {
  const found = model.workloads().map((name) => model.workload(name).family);
  return [ALL, ...new Set(found)].map((family) => ({value: family, text: family}));
}

function measures(model) {
  const time = {value: 'ns', text: 'time'};
  return model.baseline ? [{value: 'relative', text: `relative to ${model.baseline}`}, time] : [time];
}

/** The cells of one row, and what their times are divided by. */
function speedRow(model, workload, {threads, measure}) {
  const cells = model.shown.map((one) => model.cell(workload, one.name, threads)).filter(Boolean);
  const base = measure === 'relative' ? model.cell(workload, model.baseline, threads)?.median.ns_per_operation : 1;
  return {workload, cells, base};
}

function speedTip(model, row, threads, chosen) {
  const sorted = [...row.cells].sort((a, b) => a.median.ns_per_operation - b.median.ns_per_operation);
  return tooltip(
      `${row.workload}, ${plural(threads, 'thread')}. ${model.workload(row.workload).what ?? ''}`,
      sorted.map((cell) => ({
                   contender: model.contender(cell.contender),
                   strong: cell === chosen,
                   value: formatNs(cell.median.ns_per_operation) + spreadText(cell.spread, formatNs),
                 })));
}

/** Each contender has a lane of its own within the row, as far as there is room. */
function speedSeries(model, rows, state, rowHeight) {
  const lane = Math.min(9, (rowHeight * 0.72) / model.shown.length) / rowHeight;
  return model.shown.flatMap((contender, index) => {
    const offset = (index - (model.shown.length - 1) / 2) * lane;
    const points = [];
    const whiskers = [];
    rows.forEach((row, y) => {
      const cell = row.cells.find((one) => one.contender === contender.name);
      if (!cell) return;
      points.push({
        value: [cell.median.ns_per_operation / row.base, y + offset],
        tip: () => speedTip(model, row, state.threads, cell)
      });
      const {low, high} = cell.spread;
      if (positive(low) && positive(high)) whiskers.push([[low / row.base, y + offset], [high / row.base, y + offset]]);
    });
    return points.length ? [segments(contender, whiskers), marks(contender, points)] : [];
  });
}

/** Where the baseline stands in every row; drawn also while its contender is switched off. */
function baselineLine(rows) {
  const lineStyle = {color: themeColour('muted'), width: 1, type: 'dashed'};
  return segments({name: 'baseline'}, [[[1, -0.5], [1, rows.length - 0.5]]], {z: 1, lineStyle});
}

/** The rows that can be drawn, and a note on those that cannot. */
function speedRows(model, state) {
  const all = model.workloads()
                  .filter((name) => state.family === ALL || model.workload(name).family === state.family)
                  .map((name) => speedRow(model, name, state));
  const lost = all.filter(({cells, base}) => cells.length > 0 && !base).map(({workload}) => workload);
  return {
    rows: all.filter(({cells, base}) => cells.length > 0 && base),
    note: lost.length ? `Not measured with ${model.baseline}, so not shown here: ${lost.join(', ')}.` : undefined,
  };
}

const speedPanel = {
  id: 'speed',
  title: 'Time per operation',
  how: 'Left is faster: the time that one thread spends on one allocation with its free, on a logarithmic scale; ' +
      'the line through a mark reaches from the fastest to the slowest round.',
  selectors: [
    {key: 'family', label: 'Workloads', choices: families},
    {key: 'threads', label: 'Threads', choices: (model) => threadChoices(model, {})},
    {key: 'measure', label: 'Show', choices: measures},
  ],
  draw(model, state, width) {
    const {rows, note} = speedRows(model, state);
    if (rows.length === 0) return note ? {note} : nothingToDraw(model);
    const relative = state.measure === 'relative';
    const rowHeight = Math.max(width < 500 ? 42 : 28, Math.min(16 + 9 * model.shown.length, 900 / rows.length));
    const left = Math.min(width * 0.38, widest(rows.map((row) => row.workload)) + 16);
    const room = width - left - 20;
    const values = rows.flatMap(
        (row) => row.cells.flatMap(
            ({median, spread}) => [median.ns_per_operation, spread.low, spread.high].map((value) => value / row.base)));
    const axis = (rest) => logAxis(values, relative ? formatTimes : formatNs, '', room, rest);
    return {
      height: rows.length * rowHeight + 52,
      note,
      option: {
        grid: {left, right: 20, top: 26, bottom: 26, outerBoundsMode: 'none'},
        // The same axis above and below: a long chart is read from both ends.
        xAxis: [axis({position: 'bottom'}), axis({position: 'top', splitLine: {show: false}})],
        yAxis: rowAxis(rows.map((row) => row.workload), left - 12),
        series: [...(relative ? [baselineLine(rows)] : []), ...speedSeries(model, rows, state, rowHeight)],
      },
    };
  },
};
