// SPDX-License-Identifier: MIT
// Numbers as people read them: three figures and a unit.
'use strict';

const MISSING = '–';

function threeFigures(value) {
  return Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A formatter that takes the largest unit of [[size, name], ...] that the value fills. */
function inUnits(units) {
  return (value) => {
    if (!Number.isFinite(value)) return MISSING;
    if (value === 0) return '0';
    const [size, name] = units.find(([least]) => Math.abs(value) >= least * 0.9995) ?? units[units.length - 1];
    return threeFigures(value / size) + name;
  };
}

const formatNs = inUnits([[1e9, ' s'], [1e6, ' ms'], [1e3, ' µs'], [1, ' ns']]);
const formatSeconds = inUnits([[1, ' s'], [1e-3, ' ms'], [1e-6, ' µs']]);
const formatBytes = inUnits([[2 ** 30, ' GiB'], [2 ** 20, ' MiB'], [2 ** 10, ' KiB'], [1, ' B']]);
const formatRate = inUnits([[1e9, ' G/s'], [1e6, ' M/s'], [1e3, ' k/s'], [1, ' /s']]);
const formatTimes = (value) => (Number.isFinite(value) ? threeFigures(value) + '×' : MISSING);
const formatCount = (value) => (Number.isFinite(value) ? Math.round(value).toLocaleString('en') : MISSING);

function formatDuration(seconds) {
  if (!Number.isFinite(seconds)) return MISSING;
  const whole = Math.round(seconds);
  return whole < 60 ? formatSeconds(seconds) : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const plural = (count, one, many = one + 's') => `${formatCount(count)} ${count === 1 ? one : many}`;

/** The step of about `rough` that gives round numbers: 1-2-5 in tens, powers of two for bytes. */
function roundStep(rough, binary) {
  const base = binary ? 2 : 10;
  const power = base ** Math.floor(Math.log(rough) / Math.log(base));
  return power * ((binary ? [1, 2] : [1, 2, 5, 10]).find((factor) => power * factor >= rough * 0.999) ?? base);
}

/** Round values from low to high at even distances, about `most` of them. */
function evenTicks(low, high, most, binary) {
  const step = roundStep((high - low) / most, binary);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({length: Math.max(0, count)}, (_, index) => (first + index) * step);
}

/** Round values from zero to the first that is at least high. */
function ticksFromZero(high, most, binary) {
  const step = roundStep(high / most, binary);
  return evenTicks(0, Math.ceil(high / step - 1e-9) * step, most, binary);
}

/** Round values for a logarithmic axis, at most `most`: as dense a sequence per decade (or doubling) as fits. */
function logTicks(low, high, most, binary) {
  const base = binary ? 2 : 10;
  const powers = [];
  for (let power = Math.floor(Math.log(low) / Math.log(base)); base ** power <= high; ++power)
    powers.push(base ** power);
  const within = (steps) =>
      powers.flatMap((power) => steps.map((step) => power * step)).filter((tick) => tick >= low && tick <= high);
  const dense = binary ? [1, 1.5] : [1, 2, 5];
  const ticks = [dense, [1]].map(within).find((found) => found.length <= most) ?? within([1]);
  if (ticks.length < 3) return evenTicks(low, high, most, binary);
  const every = Math.ceil(ticks.length / most);
  return ticks.filter((_, index) => index % every === 0);
}
