// SPDX-License-Identifier: MIT
// Real programs, each under every allocator by preloading: wall time and peak memory, and what went wrong, in words.
'use strict';

const ranWell = (entry) => entry.status === 'ok' && positive(entry.median.wall_seconds);
/** Another malloc than the intended one was bound: the figures are not this contender's. */
const notBound = (entry) => ranWell(entry) && entry.as_intended === false;

function outcomeWords(entry) {
  if (entry.status !== 'ok') return `${entry.status}: ${entry.reason}`;
  if (!ranWell(entry)) return 'not run';
  if (!notBound(entry)) return 'ok';
  return entry.bound ? 'not the intended malloc' : 'which malloc is not known';
}

function programTip(entry) {
  const {median, spread} = entry;
  return tooltip(entry.name, [
    {text: 'wall', value: formatSeconds(median.wall_seconds) + spreadText(spread, formatSeconds)},
    {text: 'user', value: formatSeconds(median.user_seconds)},
    {text: 'system', value: formatSeconds(median.system_seconds)},
    {text: 'peak RSS', value: formatBytes(median.rss_peak)},
    {text: 'malloc', value: entry.bound || MISSING},
  ]);
}

/** Wall and memory side by side, or above each other where the page is narrow. */
function programGrids(rows, width, left) {
  const high = rows * 30;
  const narrow = width < 640;
  const half = narrow ? width - left - 70 : (width - left - 170) / 2;
  return {
    half,
    height: narrow ? 2 * (high + 56) : high + 56,
    grid: [
      {left, width: half, top: 6, height: high, outerBoundsMode: 'none'},
      narrow ? {left, width: half, top: high + 62, height: high, outerBoundsMode: 'none'} :
               {left: left + half + 100, width: half, top: 6, height: high, outerBoundsMode: 'none'},
    ],
  };
}

/** A whisker that is seen on a bar of any colour. */
function spreadLines(contender, piece) {
  const line = (colour, width, z) => segments(contender, [piece], {z, lineStyle: {color: themeColour(colour), width}});
  return [line('panel', 5, 4), line('ink', 2, 5)];
}

/** `scale` is the pixels of a second. */
function programSeries(model, entries, scale) {
  return entries.flatMap((entry, row) => {
    const contender = model.contender(entry.name);
    const {median, spread} = entry;
    const tip = () => programTip(entry);
    const look = {tip, faint: notBound(entry)};
    const parts = [bar(contender, median.wall_seconds, row, {
      text: formatSeconds(median.wall_seconds),
      ...look,
      clear: Math.max(0, (spread.high || 0) - median.wall_seconds) * scale
    })];
    if (positive(median.rss_peak)) {
      parts.push(bar(contender, median.rss_peak, row, {text: formatBytes(median.rss_peak), ...look, axis: 1}));
    }
    if (positive(spread.low) && positive(spread.high)) {
      parts.push(...spreadLines(contender, [[spread.low, row], [spread.high, row]]));
    }
    return parts;
  });
}

function drawProgram(program, model, width) {
  const entries = program.contenders.filter((one) => ranWell(one) && !model.hidden.has(one.name))
                      .sort((a, b) => a.median.wall_seconds - b.median.wall_seconds);
  if (entries.length === 0) return nothingToDraw(model);
  const names = entries.map((entry) => entry.name + (notBound(entry) ? ' (not bound)' : ''));
  const left = rowLabels(names);
  const {half, height, grid} = programGrids(entries.length, width, left);
  const walls = entries.flatMap(({median, spread}) => [median.wall_seconds, spread.high]);
  const peaks = entries.map(({median}) => (positive(median.rss_peak) ? median.rss_peak : 1));
  const wall = linearAxis(walls, formatSeconds, 'wall time', half, {gridIndex: 0});
  const second = width < 640 ? {} : {axisLabel: {show: false}};
  return {
    height,
    option: {
      grid,
      xAxis: [wall, linearAxis(peaks, formatBytes, 'peak resident memory', half, {gridIndex: 1, binary: true})],
      yAxis: [{...barAxis(names), gridIndex: 0}, {...barAxis(names), ...second, gridIndex: 1}],
      series: programSeries(model, entries, half / wall.max),
    },
  };
}

/** Which malloc it really was, and how each run ended. */
function boundTable(program, model) {
  const table =
      element('table', {}, element('thead', {}, row('th', [
                                     ['contender', 'name'], ['malloc was', 'words'], ['wall'], ['user'], ['system'],
                                     ['peak RSS'], ['minor faults'], ['major faults'], ['outcome', 'words']
                                   ])));
  const body = table.createTBody();
  for (const entry of program.contenders) {
    const {median} = entry;
    const outcome = outcomeWords(entry);
    body.append(row('td', [
      [named(model, entry.name), 'name'], [entry.bound || MISSING, 'words path'], [formatSeconds(median.wall_seconds)],
      [formatSeconds(median.user_seconds)], [formatSeconds(median.system_seconds)], [formatBytes(median.rss_peak)],
      [formatCount(median.minor_faults)], [formatCount(median.major_faults)],
      [outcome, outcome === 'ok' ? 'words' : 'words bad']
    ]));
  }
  return element('div', {class: 'scroll'}, table);
}

function programPanel(program, index) {
  return {
    id: `program-${index}`,
    within: true,
    title: program.name,
    how: program.verdict?.text ? `Verdict: ${program.verdict.text}.` : '',
    draw: (model, state, width) => drawProgram(program, model, width),
  };
}

/** The section with all programs; returns the panels that redraw. */
function mountPrograms(model, parent) {
  const {programs} = model.doc;
  if (programs.length === 0) return [];
  const section = element(
      'section', {id: 'programs'}, element('h2', {}, 'Real programs'),
      element(
          'p', {class: 'how'},
          'Shorter is better: wall time, with a line from the fastest to the slowest run, and peak memory of whole ' +
              'programs, each run under every allocator by preloading. Which malloc was bound is checked.'));
  parent.append(section);
  const panels = [];
  programs.forEach((program, index) => {
    if (program.contenders.some(ranWell)) {
      const panel = new Panel(programPanel(program, index), model);
      panel.mount(section);
      panel.controls.append(element('span', {class: 'path'}, (program.command ?? []).join(' ')));
      panel.section.append(boundTable(program, model));
      panels.push(panel);
    } else {
      section.append(programInWords(program, model));
    }
  });
  return panels;
}

function programInWords(program, model) {
  const told = element(
      'div', {class: 'program'}, element('h3', {}, program.name),
      element('p', {class: 'path'}, (program.command ?? []).join(' ')),
      element('p', {class: 'bad'}, program.reason || 'No run of this program succeeded.'));
  if (program.contenders.some((one) => one.status !== 'ok')) told.append(boundTable(program, model));
  return told;
}
