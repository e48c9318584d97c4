#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "daemon/commands.h"
#include "daemon/credentials.h"
#include "daemon/instance.h"

namespace retraind::daemon {

std::string version() {
  return RETRAIND_VERSION;
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return "localhost";
  return name;
}

std::filesystem::path own_executable() {
  return std::filesystem::read_symlink("/proc/self/exe");
}

std::optional<settings::Settings> load_or_complain(const std::filesystem::path& config) {
  adopt_credentials();
  settings::Loaded loaded = settings::load(config, default_instance());
  for (const settings::Complaint& complaint : loaded.complaints) std::fprintf(stderr, "%s\n", complaint.text().c_str());
  if (!loaded.complaints.empty()) return std::nullopt;
  return std::move(loaded.settings);
}

}  // namespace retraind::daemon
