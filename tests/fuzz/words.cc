#include "core/base/time.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {

void words(std::string_view input) {
  if (const auto duration = parse_duration(input)) {
    require(parse_duration(format_duration(*duration)) == duration, "a duration is read back as it was");
  }
  if (const auto instant = parse_instant(input)) {
    require(parse_instant(format_instant(*instant)) == instant, "an instant is read back as it was");
  }
}

}  // namespace retraind::fuzz
