// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/workloads.hpp>

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace cistern::compare {

/// The result of a cell as one JSON object, with the names of perf::cell_result's fields: what a cell process prints
/// for its parent, and what the result document holds for each round. `classes` stands there only when it has any.
nlohmann::ordered_json cell_to_json(const perf::cell_result& result);

/// The way back. Throws std::runtime_error when the text is not such an object.
perf::cell_result cell_from_json(std::string_view text);

}  // namespace cistern::compare
