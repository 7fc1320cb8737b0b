// SPDX-License-Identifier: MIT
// The head of the page: what was run, on what, how much of it, and how far to trust it.
'use strict';

function summaryText({doc}) {
  const when = new Date(doc.started);
  const date = Number.isNaN(when.getTime()) ? '' : `on ${when.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const parts = [`cistern ${doc.cistern ?? ''} ${date}`.trim()];
  if (doc.set && doc.cells.length > 0) parts.push(`${doc.set} set`);
  if (doc.rounds) parts.push(`${plural(doc.rounds, 'round')}, interleaved, each in a process of its own`);
  parts.push(`${formatDuration(doc.elapsed_seconds)} of running`);
  return parts.join(' · ');
}

/** How far apart the rounds of a cell typically lie, and the widest. */
function spreadWords({measured}) {
  const wide = measured.filter((cell) => positive(cell.spread.low) && positive(cell.spread.high))
                   .map((cell) => ({cell, part: (cell.spread.high - cell.spread.low) / cell.median.ns_per_operation}))
                   .sort((a, b) => a.part - b.part);
  if (wide.length === 0 || wide.at(-1).part === 0) return 'not known: no cell has two rounds';
  const percent = (part) => `${threeFigures(Math.round(part * 1000) / 10)} %`;
  const {cell, part} = wide.at(-1);
  return `${percent(wide[wide.length >> 1].part)} of the median typically, ${percent(part)} at most ` +
      `(${cell.workload}, ${cell.contender})`;
}

function countsWords({doc, measured}) {
  const count = (status) => doc.cells.filter((cell) => cell.status === status).length;
  const runs = doc.programs.flatMap((program) => (program.status === 'ok' ? program.contenders : [program]));
  const failed = count('failed') + runs.filter((one) => one.status === 'failed').length;
  return {
    failed,
    words: [
      doc.cells.length > 0 && `${plural(measured.length, 'cell')} measured`,
      count('ok') > measured.length && `${count('ok') - measured.length} not reached`,
      count('skipped') > 0 && `${count('skipped')} skipped`,
      doc.programs.length > 0 && plural(doc.programs.length, 'program'), `${failed} failed`
    ].filter(Boolean)
               .join(', '),
  };
}

function showBanner(model) {
  const banner = document.getElementById('banner');
  const {failed, words} = countsWords(model);
  const complete = model.doc.complete === true;
  const state = !complete ? 'interrupted' : failed > 0 ? 'failed' : 'complete';
  const strong = {interrupted: 'Interrupted.', failed: 'Complete, with failures.', complete: 'Complete.'}[state];
  const more = complete ?
      '.' :
      '. The run was stopped before its end: what is missing was not measured, and medians may be of fewer rounds.';
  banner.className = state;
  const note = model.doc.note ? ` ${model.doc.note}` : '';
  banner.replaceChildren(element('strong', {}, strong), words + more + note);
}

function loadWords({load_at_start: load, cores}) {
  if (!Number.isFinite(load)) return undefined;
  return threeFigures(load) + (load > cores / 2 ? ': other work was running, which blurs the times' : '');
}

function machineFacts(model) {
  const {machine} = model.doc;
  return [
    ['Processor', machine.cpu && `${machine.cpu}${machine.cores ? `, ${plural(machine.cores, 'core')}` : ''}`],
    ['Memory', positive(machine.memory_bytes) && formatBytes(machine.memory_bytes)],
    ['System', machine.distribution],
    ['Kernel', machine.kernel],
    ['Compiler', machine.compiler],
    ['Transparent huge pages', machine.transparent_huge_pages],
    ['Library of malloc', machine.malloc],
    ['Load at the start', loadWords(machine)],
    ['Spread of the rounds', model.measured.length > 0 && spreadWords(model)],
  ].filter(([, value]) => value);
}

function mountFacts(model) {
  document.getElementById('summary').textContent = summaryText(model);
  showBanner(model);
  document.getElementById('machine').append(...machineFacts(model).map(
      ([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, String(value)))));
}
