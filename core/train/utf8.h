#pragma once
// Whether bytes that a foreign program left are text, and what can be shown of those that are not. Pure.

#include <string>
#include <string_view>

namespace retraind::train {

// Well-formed UTF-8 as Unicode 15.0, table 3-7, has it: no overlong form, no surrogate, nothing beyond U+10FFFF.
bool is_utf8(std::string_view text);

// `text` with each byte that belongs to no such sequence, and each zero byte, as "\xNN": what neither JSON nor
// PostgreSQL takes. A library quotes what it found in a damaged file as it stands there.
std::string well_formed(std::string_view text);

}  // namespace retraind::train
