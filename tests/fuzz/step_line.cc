#include "core/base/error.h"
#include "daemon/worker_protocol.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {

void step_line(std::string_view input) {
  try {
    (void)daemon::parse_step_line(input);
  } catch (const DataError&) {
  }
}

}  // namespace retraind::fuzz
