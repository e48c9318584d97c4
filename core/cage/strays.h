#pragma once
// Counting what is below this process. The rest of what is done about strays is in cage.h.

#include <cstdint>

namespace retraind::cage {

// Living processes that descend from this one.
std::uint64_t count_strays();

}  // namespace retraind::cage
