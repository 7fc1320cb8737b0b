// SPDX-License-Identifier: MIT
// The verdicts in words: one per workload and number of threads, and no score over all.
'use strict';

/** A line with the workload's name where it is the first of its workload. */
function verdictLine(model, verdict, index) {
  const words = element('span', {class: verdict.difference ? '' : 'same'});
  for (const name of verdict.best ?? []) {
    const contender = model.contender(name);
    if (contender && verdict.difference) words.append(swatch(contender), ' ');
  }
  words.append(verdict.text ?? '');
  return element(
      'p', {}, element('b', {}, index === 0 ? verdict.workload : ''),
      element('span', {class: 'threads'}, plural(verdict.threads, 'thread')), words);
}

function workloadVerdicts(model, workload) {
  const own = model.doc.verdicts.filter((one) => one.workload === workload);
  return element(
      'div', {title: model.workload(workload).what ?? ''}, ...own.map((one, index) => verdictLine(model, one, index)));
}

function mountVerdicts(model, parent) {
  const {verdicts} = model.doc;
  if (verdicts.length === 0) return;
  const workloads = [...new Set(verdicts.map((one) => one.workload))];
  const different = verdicts.filter((one) => one.difference).length;
  parent.append(element(
      'section', {id: 'verdicts'}, element('h2', {}, 'Verdicts'),
      element(
          'p', {class: 'how'},
          `In ${different} of ${plural(verdicts.length, 'comparison')} the contenders differ by more ` +
              'than the spread of their rounds. There is no score over all: choose by the workload like yours.'),
      element('div', {class: 'verdicts'}, ...workloads.map((name) => workloadVerdicts(model, name)))));
}
