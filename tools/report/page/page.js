// SPDX-License-Identifier: MIT
// Puts the page together. In the address, ?theme=light|dark fixes the colours, ?only=speed,threads shows those
// sections alone and ?hide=floor,pages starts with those contenders switched off: for pictures and tests.
'use strict';

const CHARTS = [speedPanel, threadsPanel, memoryPanel, returnedPanel, classesPanel, latencyPanel, tradeoffPanel];

function listed(name) {
  return (new URLSearchParams(location.search).get(name) ?? '').split(',').filter(Boolean);
}

class Page {
  constructor(model) {
    this.model = model;
    this.legend = document.getElementById('legend');
    this.parent = document.getElementById('panels');
  }

  mount() {
    mountFacts(this.model);
    mountVerdicts(this.model, this.parent);
    this.showLegend();
    this.panels = CHARTS.map((kind) => new Panel(kind, this.model)).filter((panel) => panel.mount(this.parent));
    this.panels.push(...mountPrograms(this.model, this.parent));
    mountTable(this.model, this.parent);
    if (this.model.drawable.length === 0) {
      this.parent.append(element('section', {id: 'empty'}, 'Nothing was measured, so there is nothing to draw.'));
    }
    const only = listed('only');
    for (const section of this.parent.children) section.hidden = only.length > 0 && !only.includes(section.id);
    this.followWidth();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.recolour());
  }

  /** Also the first scroll bar narrows the page, after the first charts were drawn. */
  followWidth() {
    let width = this.parent.clientWidth;
    new ResizeObserver(() => {
      if (this.parent.clientWidth === width) return;
      width = this.parent.clientWidth;
      this.redraw();
    }).observe(this.parent);
  }

  redraw() {
    for (const panel of this.panels) panel.draw();
  }

  recolour() {
    this.model.repaint();
    this.showLegend();
    this.redraw();
  }

  /** A click switches one contender off or on everywhere; with Shift it alone stays. */
  toggle(name, alone) {
    const {hidden, contenders} = this.model;
    if (alone) contenders.forEach((one) => hidden.add(one.name));
    if (!hidden.delete(name)) hidden.add(name);
    this.showLegend();
    this.redraw();
  }

  showAll() {
    this.model.hidden.clear();
    this.showLegend();
    this.redraw();
  }

  showLegend() {
    const bar = element('div', {});
    for (const contender of this.model.drawable) {
      const button = element(
          'button', {
            type: 'button',
            'data-contender': contender.name,
            'data-colour': contender.colour,
            'aria-pressed': String(!this.model.hidden.has(contender.name)),
            title: [contender.what, contender.version].filter(Boolean).join(', '),
          },
          swatch(contender), contender.name);
      button.addEventListener('click', (event) => this.toggle(contender.name, event.shiftKey));
      bar.append(button);
    }
    bar.append(element('span', {class: 'muted'}, 'Click: off or on in every chart. Shift-click: alone.'));
    if (this.model.hidden.size > 0) {
      const all = element('button', {type: 'button', class: 'all'}, 'show all');
      all.addEventListener('click', () => this.showAll());
      bar.append(all);
    }
    this.legend.replaceChildren(bar);
    this.legend.hidden = this.model.drawable.length === 0;
  }
}

function start() {
  const [theme] = listed('theme');
  if (theme) document.documentElement.dataset.theme = theme;
  const model = new Model(JSON.parse(document.getElementById('document').textContent));
  listed('hide').forEach((name) => model.hidden.add(name));
  const page = new Page(model);
  page.mount();
  document.documentElement.dataset.ready = 'true';
}

try {
  start();
} catch (error) {
  reportError(error.stack ?? String(error));
  document.getElementById('banner').className = 'failed';
  document.getElementById('banner').textContent = `The result document could not be shown: ${error.message}`;
}
