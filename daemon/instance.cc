#include "daemon/instance.h"

#include <cstdlib>

#include "daemon/commands.h"

namespace retraind::daemon {

std::string default_instance() {
  const char* instance = std::getenv("RETRAIND_INSTANCE");
  return instance != nullptr && *instance != '\0' ? instance : host_name();
}

}  // namespace retraind::daemon
