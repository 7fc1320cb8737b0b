// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace cistern::compare {

/// Numbers as people read them: three digits or so, and the unit where the table's title does not give it.

std::string nanoseconds_text(double nanoseconds);  ///< "2.94", "29.4", "294", "29437"
std::string seconds_text(double seconds);          ///< "0.034", "1.23", "62.4"
std::string mebibytes_text(double bytes);          ///< "0.4", "12.3", "1040"
std::string millions_text(double count);           ///< "0.034", "12.3"
std::string duration_text(double seconds);         ///< "0:07", "12:34", "1:02:03"
std::string ratio_text(double ratio);              ///< "1.07", "2.1", "13"

}  // namespace cistern::compare
