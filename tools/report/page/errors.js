// SPDX-License-Identifier: MIT
// Errors are collected on the root element, where a reader's bug report and our tests find them.
'use strict';

function reportError(text) {
  const root = document.documentElement;
  root.dataset.errors = (root.dataset.errors + '\n' + text).trim();
}

window.addEventListener('error', (event) => reportError(event.message));
window.addEventListener('unhandledrejection', (event) => reportError(String(event.reason)));
