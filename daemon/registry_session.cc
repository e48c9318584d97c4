#include "daemon/registry_session.h"

#include <unistd.h>

#include "core/base/error.h"
#include "core/store/migrator.h"
#include "daemon/terminal.h"

namespace retraind::daemon {

RegistrySession::RegistrySession(const Options& options) {
  const auto settings = load_service_or_complain(options.config);
  if (!settings) throw ConfigError("the configuration is invalid, see above");
  database_.emplace(settings->registry.conninfo, "retraind command line");
  store::require_current_schema(*database_);
}

TableStyle table_style(const Options& options) {
  const Terminal terminal = terminal_of(STDOUT_FILENO, options.colour);
  return {.colour = terminal.colour, .width = terminal.width, .utc = options.utc};
}

}  // namespace retraind::daemon
