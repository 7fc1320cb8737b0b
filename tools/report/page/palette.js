// SPDX-License-Identifier: MIT
// One colour and one symbol per contender, the same on every chart of every report.
// Hue tells the family and survives the common kinds of colour blindness (after Okabe and Ito, and Tol); within a
// family the shade and the symbol differ. The pairs are for light and for dark pages.
'use strict';

const SYMBOLS = {
  circle: 'M0 -5A5 5 0 1 1 0 5A5 5 0 1 1 0 -5Z',
  ring: 'M0 -5A5 5 0 1 1 0 5A5 5 0 1 1 0 -5ZM0 -2.4A2.4 2.4 0 1 0 0 2.4A2.4 2.4 0 1 0 0 -2.4Z',
  square: 'M-4.5 -4.5H4.5V4.5H-4.5Z',
  up: 'M0 -5.5L5.5 4.5H-5.5Z',
  diamond: 'M0 -6L6 0L0 6L-6 0Z',
  down: 'M0 5.5L5.5 -4.5H-5.5Z',
  hexagon: 'M-3 -5.2H3L6 0L3 5.2H-3L-6 0Z',
  plus: 'M-1.7 -5.5H1.7V-1.7H5.5V1.7H1.7V5.5H-1.7V1.7H-5.5V-1.7H-1.7Z',
  cross: 'M-5 -3L-3 -5L0 -2L3 -5L5 -3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0Z',
  star: 'M0 -6.5L1.9 -2.1L6.5 -1.9L2.9 1.2L4.1 5.7L0 3.2L-4.1 5.7L-2.9 1.2L-6.5 -1.9L-1.9 -2.1Z',
  left: 'M-5.5 0L4.5 -5.5V5.5Z',
  right: 'M5.5 0L-4.5 -5.5V5.5Z',
  bar: 'M-6.5 -2.2H6.5V2.2H-6.5Z',
};

/** Sizes at which the symbols weigh the same to the eye. */
function symbolSize(symbol, size) {
  const own = {square: size * 0.86, diamond: size * 1.1, star: size * 1.15, bar: [size * 1.4, size * 0.48]};
  return own[symbol] ?? size;
}

const KNOWN = {
  'glibc': ['#30363d', '#f0f2f5', 'circle'],
  'system': ['#30363d', '#f0f2f5', 'circle'],
  'glibc-tuned': ['#7d8793', '#9aa4b0', 'ring'],
  'jemalloc': ['#0072b2', '#4aa8e8', 'square'],
  'mimalloc': ['#e08a00', '#f5b335', 'up'],
  'tcmalloc': ['#009e73', '#2fc79b', 'diamond'],
  'tbb': ['#8f8f1f', '#cfcf5a', 'hexagon'],
  'pages': ['#d55e00', '#ff8243', 'down'],
  'pages-thp': ['#a34700', '#d96b2b', 'left'],
  'pages-huge': ['#f0884a', '#ffb48a', 'right'],
  'pmr-unsync': ['#882255', '#e07bb0', 'plus'],
  'pmr-sync': ['#b04a9a', '#c894e8', 'cross'],
  'pmr-monotonic': ['#d184b8', '#f2b3dc', 'star'],
  'bucket-pool': ['#5b3fa8', '#a78bfa', 'square'],
  'bucket-pool-pmr': ['#8f78d6', '#cfc0ff', 'diamond'],
  'floor': ['#8b97a5', '#77828f', 'bar'],
};

// For contenders that came later: taken in order of appearance.
const SPARE = [
  ['#0e8fa8', '#4fd0e6', 'diamond'],
  ['#8c510a', '#d8a05c', 'up'],
  ['#b8324f', '#ff8fa3', 'circle'],
  ['#4d7c0f', '#a3d65c', 'hexagon'],
  ['#3b5bdb', '#8ea6ff', 'down'],
  ['#6b4e3d', '#c4a391', 'star'],
  ['#0f766e', '#5eead4', 'plus'],
];

/** [colour on light, colour on dark, symbol] of each name; beyond the spares, shades around the circle. */
function paints(names) {
  let late = 0;
  return names.map((name) => {
    if (Object.hasOwn(KNOWN, name)) return KNOWN[name];
    const index = late++;
    if (index < SPARE.length) return SPARE[index];
    const hue = (index * 137.5) % 360;
    const shapes = Object.keys(SYMBOLS);
    return [`hsl(${hue},55%,40%)`, `hsl(${hue},65%,70%)`, shapes[index % shapes.length]];
  });
}

function darkPage() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

/** The page's own colours, by their names in page.css. */
function themeColour(name) {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

const SVG = 'http://www.w3.org/2000/svg';

/** The symbol of a contender as a small picture for legends and tables. */
function swatch(contender) {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('class', 'swatch');
  picture.setAttribute('viewBox', '-7 -7 14 14');
  picture.setAttribute('width', '13');
  picture.setAttribute('height', '13');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', SYMBOLS[contender.symbol]);
  path.setAttribute('fill', contender.colour);
  picture.append(path);
  return picture;
}
