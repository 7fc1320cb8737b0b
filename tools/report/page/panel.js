// SPDX-License-Identifier: MIT
// A panel: title, how to read it, selectors, a chart. It is
//   {id, title, how,                                        texts
//    selectors: [{key, label, choices(model, state), preferred}],  choices are {value, text}; may depend on the state
//    draw(model, state, width)}                             -> {option, height, note}; no option: the note alone
// A panel is mounted only where there is something to choose from in each selector.
'use strict';

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

class Panel {
  constructor(kind, model) {
    Object.assign(this, {kind, model, state: {}, selects: new Map()});
    this.controls = element('div', {class: 'controls'});
    this.chartBox = element('div', {class: 'chart', 'data-chart': kind.id, role: 'img', 'aria-label': kind.title});
    this.note = element('p', {class: 'note'});
    for (const selector of kind.selectors ?? []) this.addSelect(selector);
  }

  addSelect(selector) {
    const select = element('select', {'data-select': selector.key});
    select.addEventListener('change', () => {
      this.state[selector.key] = this.offered.get(selector.key)[select.selectedIndex].value;
      this.draw();
    });
    this.selects.set(selector.key, select);
    this.controls.append(element('label', {}, selector.label, select));
  }

  /** Offers what can be chosen now, keeping what was chosen; says whether every selector has something. */
  offer() {
    this.offered = new Map();
    for (const {key, choices, preferred = []} of this.kind.selectors ?? []) {
      const offers = choices(this.model, this.state);
      if (offers.length === 0) return false;
      this.offered.set(key, offers);
      const has = (value) => offers.some((offer) => offer.value === value);
      if (!has(this.state[key])) this.state[key] = preferred.find(has) ?? offers[0].value;
      this.fill(this.selects.get(key), offers, this.state[key]);
    }
    return true;
  }

  fill(select, offers, chosen) {
    select.replaceChildren(...offers.map(({text}) => element('option', {}, text)));
    select.selectedIndex = offers.findIndex((offer) => offer.value === chosen);
    select.disabled = offers.length < 2;
  }

  mount(parent) {
    if (!this.offer()) return false;
    const how = element('p', {class: 'how'}, this.kind.how);
    const section = this.kind.within ? element('div', {class: 'program'}) : element('section', {id: this.kind.id});
    section.append(
        element(this.kind.within ? 'h3' : 'h2', {}, this.kind.title), how, this.controls, this.chartBox, this.note);
    parent.append(section);
    this.section = section;
    this.draw();
    return true;
  }

  draw() {
    const width = this.controls.clientWidth;
    if (width === 0) return;  // the section is hidden
    try {
      this.offer();
      const drawn = this.kind.draw(this.model, this.state, width);
      this.note.textContent = drawn.note ?? '';
      this.note.hidden = !drawn.note;
      this.chartBox.hidden = !drawn.option;
      if (drawn.option) this.show(drawn);
    } catch (error) {
      reportError(`${this.kind.id}: ${error.stack ?? error}`);
      this.note.hidden = false;
      this.note.textContent = `This chart could not be drawn: ${error.message}`;
    }
  }

  show({option, height}) {
    this.chartBox.style.height = `${height}px`;
    this.chart ??= echarts.init(this.chartBox, null, {renderer: 'svg'});
    this.chart.resize();
    this.chart.setOption(chartOption(option), true);
    this.chartBox.dataset.series = JSON.stringify([...new Set(option.series.map((series) => series.name))]);
  }
}

/** The shown contenders, or a note in their place where all are hidden or none has what the chart shows. */
function nothingToDraw(model) {
  return {
    note: model.shown.length === 0 ? 'All contenders are hidden: switch one on in the bar above.' :
                                     'None of the contenders shown has a measurement here.'
  };
}

const workloadChoices = (wanted) => (model) => model.workloads(wanted).map((name) => ({value: name, text: name}));
const threadChoices = (model, state) =>
    model.threads(state.workload).map((count) => ({value: count, text: plural(count, 'thread')}));
