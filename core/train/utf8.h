#pragma once
// Whether bytes that a foreign program left are text. Pure.

#include <string_view>

namespace retraind::train {

// Well-formed UTF-8 as Unicode 15.0, table 3-7, has it: no overlong form, no surrogate, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace retraind::train
