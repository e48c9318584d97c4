#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "core/cage/cage.h"
#include "daemon/commands.h"
#include "daemon/configuration_files.h"
#include "daemon/credentials.h"

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

namespace {

void print_complaints(const settings::Loaded& loaded) {
  for (const settings::Complaint& complaint : loaded.complaints) std::fprintf(stderr, "%s\n", complaint.text().c_str());
}

}  // namespace

std::optional<settings::Settings> load_service_or_complain(const std::filesystem::path& config) {
  adopt_credentials();
  settings::Loaded loaded = read_service_configuration(config);
  print_complaints(loaded);
  if (!loaded.complaints.empty()) return std::nullopt;
  return std::move(loaded.settings);
}

std::optional<settings::Settings> load_or_complain(const std::filesystem::path& config, Warnings warnings) {
  adopt_credentials();
  settings::Loaded loaded = read_configuration(config);
  print_complaints(loaded);
  if (warnings == Warnings::print) {
    for (settings::Complaint warning : loaded.warnings) {
      warning.message = "warning: " + warning.message;
      std::fprintf(stderr, "%s\n", warning.text().c_str());
    }
  }
  if (!loaded.complaints.empty()) return std::nullopt;
  if (runs_root_owned_only(loaded.settings)) {
    cage::run_root_owned_programs_only();
  }
  return std::move(loaded.settings);
}

}  // namespace retraind::daemon
