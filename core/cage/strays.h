#pragma once
// Counting what is below this process. The rest of what is done about strays is in cage.h.

#include <cstdint>
#include <vector>

namespace retraind::cage {

// Children of this process.
std::vector<int> children();

// Living processes that descend from this one, but for the children in `known` and what is below those.
std::uint64_t count_strays(const std::vector<int>& known);

}  // namespace retraind::cage
