#pragma once
// Bytes as a text that PostgreSQL reads as bytea. For the .cc files of this module.

#include <string>
#include <string_view>

namespace retraind::registry {

// The hex format: "\x00ff".
std::string to_bytea(std::string_view bytes);
// The digits alone, at the end of `out`.
void append_hex(std::string& out, std::string_view bytes);

}  // namespace retraind::registry
