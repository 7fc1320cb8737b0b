// SPDX-License-Identifier: MIT
// What the charts have in common: marks, whiskers, axes and tooltips.
'use strict';

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';

const ruler = document.createElement('canvas').getContext('2d');
ruler.font = `12px ${FONT}`;

/** The width in pixels of a text at 12 px, the size of all texts in charts. */
const textWidth = (text) => ruler.measureText(text).width;
const widest = (texts) => Math.max(0, ...texts.map(textWidth));

/** What a chart gives at most to the names of its rows. */
const LABEL_ROOM = 180;
const rowLabels = (names) => Math.min(LABEL_ROOM, widest(names)) + 16;

/** The text, or as much of its beginning as fits. */
function shorten(text, pixels) {
  let shown = text;
  for (let most = text.length - 1; most > 0 && textWidth(shown) > pixels; --most) shown = text.slice(0, most) + '…';
  return shown;
}

function chartOption({tooltip: look, ...parts}) {
  return {
    animation: false,
    textStyle: {fontFamily: FONT, color: themeColour('ink')},
    tooltip: {
      trigger: 'item',
      confine: true,
      backgroundColor: themeColour('panel'),
      borderColor: themeColour('line'),
      padding: [8, 10],
      extraCssText: 'box-shadow: 0 4px 16px rgb(0 0 0 / 0.18)',
      formatter: (mark) => mark.data?.tip?.() ?? '',
      ...look,
    },
    ...parts,
  };
}

const axisText = (size = 12) => ({color: themeColour('muted'), fontSize: size, fontFamily: FONT});
const gridLines = () => ({show: true, lineStyle: {color: themeColour('line'), width: 1}});

function tickedAxis(ticks, format, name, rest) {
  return {
    name,
    nameLocation: 'middle',
    nameTextStyle: axisText(),
    nameGap: 28,
    axisLine: {show: false},
    axisTick: {show: false, customValues: ticks},
    axisLabel: {...axisText(), formatter: format, customValues: ticks, hideOverlap: true},
    splitLine: gridLines(),
    minorTick: {show: false},
    ...rest,
  };
}

/** A logarithmic axis just wide enough for the values. `room` is its length in pixels, `wanted` that of a label. */
function logAxis(values, format, name, room, {binary = false, wanted = 70, ...rest} = {}) {
  const good = values.filter(positive);
  const least = binary ? 1.6 : 4;
  const [smallest, largest] = [Math.min(...good), Math.max(...good)];
  const stretch = Math.max(1.12, Math.sqrt(least / (largest / smallest)));
  const [low, high] = [smallest / stretch, largest * stretch];
  const ticks = logTicks(low, high, Math.max(3, Math.floor(room / wanted)), binary);
  return tickedAxis(ticks, format, name, {type: 'log', logBase: binary ? 2 : 10, min: low, max: high, ...rest});
}

/** An axis from zero to a round value above all. */
function linearAxis(values, format, name, room, {binary = false, wanted = 80, ...rest} = {}) {
  const high = Math.max(...values.filter(positive)) * 1.03;
  const ticks = ticksFromZero(high, Math.max(2, Math.floor(room / wanted)), binary);
  return tickedAxis(ticks, format, name, {type: 'value', min: 0, max: ticks[ticks.length - 1], ...rest});
}

/** Where a value lies on a logAxis, from 0 to 1. */
const onLog = ({min, max}, value) => Math.log(value / min) / Math.log(max / min);

/** An axis with a row for each name, the first on top; rows stand at 0, 1, 2... so that marks may stand between. */
function rowAxis(names, room = LABEL_ROOM) {
  const rows = names.map((_, index) => index);
  return {
    type: 'value',
    inverse: true,
    min: -0.5,
    max: names.length - 0.5,
    axisLine: {show: false},
    axisTick: {show: false, customValues: [-0.5, ...rows.map((row) => row + 0.5)]},
    axisLabel: {
      ...axisText(),
      color: themeColour('ink'),
      customValues: rows,
      formatter: (row) => shorten(names[Math.round(row)] ?? '', room)
    },
    splitLine: {show: false},
    splitArea: {show: true, areaStyle: {color: [themeColour('band'), 'transparent']}},
  };
}

/** The same for bars, which need a band for each name. */
function barAxis(names) {
  return {
    type: 'category',
    inverse: true,
    data: names,
    axisLine: {show: false},
    axisTick: {show: false},
    axisLabel: {...axisText(), color: themeColour('ink'), interval: 0, formatter: (name) => shorten(name, LABEL_ROOM)},
    splitArea: {show: true, areaStyle: {color: [themeColour('band'), 'transparent']}},
  };
}

/** One bar with its value behind it, `clear` pixels away. `axis` is the index of the chart's part. */
function bar(contender, value, row, {text, tip, axis = 0, clear = 0, faint = false}) {
  return {
    type: 'bar',
    name: contender.name,
    xAxisIndex: axis,
    yAxisIndex: axis,
    barWidth: 15,
    barGap: '-100%',
    z: 3,
    itemStyle: {color: contender.colour, opacity: faint ? 0.35 : 1},
    data: [{value: [value, row], tip}],
    label: {
      show: true,
      position: 'right',
      distance: 6 + clear,
      formatter: text,
      color: themeColour('ink'),
      fontSize: 12,
      textBorderColor: themeColour('panel'),
      textBorderWidth: 3
    },
  };
}

/** The marks of one contender. Points are {value: [x, y], tip}. */
function marks(contender, points, rest = {}) {
  return {
    type: 'scatter',
    name: contender.name,
    data: points,
    z: 4,
    symbol: 'path://' + SYMBOLS[contender.symbol],
    symbolSize: symbolSize(contender.symbol, 10),
    symbolKeepAspect: true,
    itemStyle: {color: contender.colour, opacity: 1},
    emphasis: {scale: 1.5},
    ...rest,
  };
}

/** Line segments of one contender, each [[x, y], [x, y]], as one series with gaps. */
function segments(contender, pieces, rest = {}) {
  return {
    type: 'line',
    name: contender.name,
    data: pieces.flatMap(([from, to]) => [from, to, ['-', '-']]),
    z: 3,
    showSymbol: false,
    silent: true,
    connectNulls: false,
    lineStyle: {color: contender.colour, width: 2, opacity: 0.55, cap: 'round'},
    ...rest,
  };
}

/** A table as a DOM node, so that names from the document stay text. Rows are {contender, text, value, strong}. */
function tooltip(caption, rows) {
  const table = document.createElement('table');
  table.className = 'tooltip';
  table.createCaption().textContent = caption;
  for (const {contender, text, value, strong} of rows) {
    const row = table.insertRow();
    row.className = strong ? 'strong' : '';
    const head = row.insertCell();
    head.className = 'name';
    if (contender) head.append(swatch(contender), ' ');
    head.append(text ?? contender.name);
    row.insertCell().textContent = value;
  }
  return table;
}

const spreadText = (spread, format) =>
    (positive(spread.low) && positive(spread.high) ? ` (${format(spread.low)} to ${format(spread.high)})` : '');
