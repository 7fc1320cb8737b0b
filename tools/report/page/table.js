// SPDX-License-Identifier: MIT
// Tables: every number of the document, and every cell that has none, with its reason.
'use strict';

/** A row of [content, class] cells. */
function row(tag, cells) {
  return element('tr', {}, ...cells.map(([content, look]) => element(tag, look ? {class: look} : {}, content)));
}

function named(model, name) {
  const made = element('span', {});
  const contender = model.contender(name);
  if (contender) made.append(swatch(contender));
  made.append(name);
  return made;
}

const COLUMNS = [
  ['time', ({median}) => formatNs(median.ns_per_operation)],
  ['fastest', ({spread}) => formatNs(spread.low)],
  ['slowest', ({spread}) => formatNs(spread.high)],
  ['throughput', ({median}) => formatRate(median.operations_per_second)],
  ['p50', ({median}) => formatNs(median.p50)],
  ['p99', ({median}) => formatNs(median.p99)],
  ['p99.9', ({median}) => formatNs(median.p999)],
  ['max', ({median}) => formatNs(median.max)],
  ['CPU', ({median}) => formatSeconds(median.cpu_seconds)],
  ['RSS before', ({median}) => formatBytes(median.rss_before)],
  ['peak', ({median}) => formatBytes(median.rss_peak)],
  ['all freed', ({median}) => formatBytes(median.rss_drained)],
  ['trimmed', ({median}) => formatBytes(median.rss_trimmed)],
  ['minor faults', ({median}) => formatCount(median.minor_faults)],
  ['major', ({median}) => formatCount(median.major_faults)],
  ['switches, own', ({median}) => formatCount(median.voluntary_switches)],
  ['forced', ({median}) => formatCount(median.involuntary_switches)],
];

function cellRow(model, cell) {
  const numbers = cell.status === 'ok' ? COLUMNS.map(([, text]) => [text(cell)]) : [];
  const made =
      row('td', [[cell.workload, 'name'], [named(model, cell.contender), 'name'], [String(cell.threads)], ...numbers]);
  if (cell.status !== 'ok') {
    const words =
        element('td', {class: cell.status === 'failed' ? 'words bad' : 'words muted', colspan: COLUMNS.length});
    words.append(`${cell.status}: ${cell.reason}`);
    made.append(words);
  }
  return made;
}

/** "not thread-safe: pmr-monotonic, 14 cells": cells without numbers, by reason. */
function absentWords(doc) {
  const groups = new Map();
  for (const cell of doc.cells.filter((one) => one.status !== 'ok')) {
    const key = `${cell.contender} ${cell.status}: ${cell.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), cell.workload]);
  }
  return [...groups].map(([words, workloads]) => {
    const where = [...new Set(workloads)];
    return `${words} (${where.length > 3 ? plural(workloads.length, 'cell') : where.join(', ')})`;
  });
}

function mountTable(model, parent) {
  if (model.doc.cells.length === 0) return;
  const head = ['workload', 'contender', 'threads', ...COLUMNS.map(([name]) => name)];
  const table =
      element('table', {}, element('thead', {}, row('th', head.map((name, index) => [name, index < 2 ? 'name' : '']))));
  table.createTBody().append(...model.doc.cells.map((cell) => cellRow(model, cell)));
  const section = element(
      'section', {id: 'table'}, element('h2', {}, 'All numbers'),
      element(
          'p', {class: 'how'},
          'Medians over the rounds; times are of one allocation with its free, as one thread spends it.'));
  const absent = absentWords(model.doc);
  if (absent.length > 0) {
    section.append(
        element('h3', {}, 'Without numbers'),
        element('ul', {class: 'muted'}, ...absent.map((words) => element('li', {}, words))));
  }
  section.append(element('div', {class: 'scroll'}, table));
  parent.append(section);
}
