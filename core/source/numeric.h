#pragma once
// PostgreSQL's binary numeric to double. Pure.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace retraind::source {

// The double nearest to the value (ties to even): 0 below the smallest and +-infinity beyond the largest one; NaN and
// the infinities as they are. std::nullopt for bytes that numeric_send does not write. `scratch` is memory to reuse.
std::optional<double> decode_numeric(std::span<const std::byte> field, std::string& scratch);

}  // namespace retraind::source
