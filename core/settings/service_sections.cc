#include <fmt/format.h>

#include <array>

#include "core/settings/sections.h"
#include "core/settings/url.h"

namespace retraind {
namespace {

constexpr std::array<std::string_view, 3> kRootOwnedCommands = {"service", "always", "never"};
static_assert(static_cast<std::size_t>(settings::RootOwnedCommands::never) + 1 == kRootOwnedCommands.size());

}  // namespace

template <>
std::span<const std::string_view> words_of<settings::RootOwnedCommands>() {
  return kRootOwnedCommands;
}

namespace settings {
namespace {

constexpr std::string_view kListenForm = "an address with a port such as \"127.0.0.1:9464\", or \"\"";

// Younger than this, nothing is removed: somebody may still want to know why something happened last night.
constexpr Duration kShortestRetention = std::chrono::hours(24 * 7);

void read_retention_time(TableReader& reader, std::string_view key, Duration& out) {
  const Duration fallback = out;
  if (!reader.duration(key, out)) return;
  if (out == Duration::zero() || out >= kShortestRetention) return;
  reader.complain(key, "nothing is removed in its first 7d; choose a longer time, or \"0s\" to keep it for ever");
  out = fallback;
}

}  // namespace

void read_http(TableReader& reader, Http& out) {
  if (const Entry* entry = reader.ask("listen", std::string(kListenForm), TableReader::quoted(out.listen))) {
    const auto* text = std::get_if<std::string>(&entry->node.value);
    const bool fits = text != nullptr && (text->empty() || is_listen_address(*text));
    if (fits) {
      out.listen = *text;
    } else {
      reader.complain("listen", fmt::format("expected {}, found {}", kListenForm, describe(entry->node)));
    }
  }
  std::vector<std::string> hosts;
  constexpr std::string_view kHostsForm = "an array of host names such as [\"metrics.example.com\"]";
  if (reader.texts("allowed_hosts", hosts, kHostsForm)) {
    for (const std::string& host : hosts) {
      if (is_host_name(host)) continue;
      reader.complain("allowed_hosts", fmt::format("expected {}, without ports; {} in it is no name of a host",
                                                   kHostsForm, TableReader::quoted(host)));
      hosts.clear();
      break;
    }
    out.allowed_hosts = std::move(hosts);
  }
  reader.finish();
}

void read_security(TableReader& reader, Security& out) {
  reader.boolean("require_tls", out.require_tls);
  reader.word("root_owned_commands", out.root_owned_commands);
  reader.finish();
}

void read_retention(TableReader& reader, Retention& out) {
  read_retention_time(reader, "drift_checks", out.drift_checks);
  read_retention_time(reader, "performance_checks", out.performance_checks);
  read_retention_time(reader, "trigger_decisions", out.trigger_decisions);
  read_retention_time(reader, "run_logs", out.run_logs);
  read_retention_time(reader, "signals", out.signals);
  read_retention_time(reader, "unused_artifacts", out.unused_artifacts);
  reader.finish();
}

}  // namespace settings
}  // namespace retraind
