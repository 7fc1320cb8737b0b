// SPDX-License-Identifier: MIT
// The result document (schema 1), indexed for the charts. Whatever is missing in it is missing on the page, no more.
'use strict';

const positive = (value) => Number.isFinite(value) && value > 0;

function contenderNames(doc) {
  const names = [...doc.contenders, ...doc.programs.flatMap((program) => program.contenders)].map((one) => one.name);
  return [...new Set([...names, ...doc.cells.map((cell) => cell.contender)])];
}

function paintedContenders(doc) {
  const names = contenderNames(doc);
  const colours = paints(names);
  const dark = darkPage();
  return names.map((name, index) => {
    const told = doc.contenders.find((one) => one.name === name) ?? {};
    const [onLight, onDark, symbol] = colours[index];
    return {...told, name, kind: told.kind ?? 'allocator', colour: dark ? onDark : onLight, symbol};
  });
}

function withEveryList(doc) {
  const full = {machine: {}, contenders: [], workloads: [], cells: [], verdicts: [], programs: [], ...doc};
  full.cells = full.cells.map((cell) => ({
                                ...cell,
                                median: cell.median ?? {},
                                spread: cell.spread ?? {},
                                memory: cell.memory ?? [],
                                classes: cell.classes ?? [],
                              }));
  full.programs =
      full.programs.map((program) => ({
                          ...program,
                          contenders: (program.contenders ??
                                       []).map((one) => ({...one, median: one.median ?? {}, spread: one.spread ?? {}})),
                        }));
  return full;
}

class Model {
  constructor(json) {
    this.doc = withEveryList(json);
    this.hidden = new Set();
    this.repaint();
    this.byPlace =
        new Map(this.doc.cells.map((cell) => [this.place(cell.workload, cell.contender, cell.threads), cell]));
    this.measured = this.doc.cells.filter((cell) => cell.status === 'ok' && positive(cell.median.ns_per_operation));
    const names = this.contenders.map((one) => one.name);
    this.baseline = ['glibc', 'system'].find((name) => names.includes(name));
  }

  /** Colours depend on the page being light or dark. */
  repaint() {
    this.contenders = paintedContenders(this.doc);
    this.byName = new Map(this.contenders.map((one) => [one.name, one]));
  }

  place(workload, contender, threads) {
    return JSON.stringify([workload, contender, threads]);
  }

  /** The cell with this place if it was measured, else undefined. */
  cell(workload, contender, threads) {
    const found = this.byPlace.get(this.place(workload, contender, threads));
    return found?.status === 'ok' && positive(found.median.ns_per_operation) ? found : undefined;
  }

  contender(name) {
    return this.byName.get(name);
  }

  /** Those with something to show: the rest is in the tables only. */
  get drawable() {
    const ran = this.doc.programs.flatMap((program) => program.contenders.filter((one) => one.status === 'ok'));
    const names = new Set([...this.measured.map((cell) => cell.contender), ...ran.map((one) => one.name)]);
    return this.contenders.filter((one) => names.has(one.name));
  }

  get shown() {
    return this.drawable.filter((one) => !this.hidden.has(one.name));
  }

  /** Names of the workloads that have a measured cell which `wanted` accepts, in the document's order. */
  workloads(wanted = () => true) {
    const found = new Set(this.measured.filter(wanted).map((cell) => cell.workload));
    const told = this.doc.workloads.map((one) => one.name).filter((name) => found.has(name));
    return [...new Set([...told, ...found])];
  }

  workload(name) {
    return this.doc.workloads.find((one) => one.name === name) ?? {name, family: name, what: ''};
  }

  threads(workload) {
    const counts = this.measured.filter((cell) => workload === undefined || cell.workload === workload);
    return [...new Set(counts.map((cell) => cell.threads))].sort((a, b) => a - b);
  }
}
