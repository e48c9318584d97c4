#include "core/registry/bytea.h"

namespace retraind::registry {

std::string to_bytea(std::string_view bytes) {
  std::string out = "\\x";
  append_hex(out, bytes);
  return out;
}

void append_hex(std::string& out, std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const std::size_t before = out.size();
  out.resize(before + bytes.size() * 2);
  // Megabytes pass here with every artifact and every reading of blocks.
  char* to = out.data() + before;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *to++ = kDigits[byte >> 4];
    *to++ = kDigits[byte & 15];
  }
}

}  // namespace retraind::registry
