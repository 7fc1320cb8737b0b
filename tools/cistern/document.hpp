// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"
#include "machine_facts.hpp"

#include <string>

namespace cistern::compare {

/// The result document: what --json writes and what the page is made from. Schema 1; README.md has its fields.
std::string write_document(const comparison& found, const machine_facts& machine);

}  // namespace cistern::compare
