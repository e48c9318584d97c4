#include <array>

#include "core/settings/conninfo.h"
#include "core/settings/sections.h"

namespace retraind {
namespace {

constexpr std::array<std::string_view, 6> kLogLevels = {"trace", "debug", "info", "warning", "error", "critical"};
constexpr std::array<std::string_view, 4> kLogFormats = {"auto", "text", "json", "journal"};
static_assert(static_cast<std::size_t>(settings::LogLevel::critical) + 1 == kLogLevels.size());
static_assert(static_cast<std::size_t>(settings::LogFormat::journal) + 1 == kLogFormats.size());

}  // namespace

template <>
std::span<const std::string_view> words_of<settings::LogLevel>() {
  return kLogLevels;
}
template <>
std::span<const std::string_view> words_of<settings::LogFormat>() {
  return kLogFormats;
}

namespace settings {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// PostgreSQL keeps statement_timeout as milliseconds in 31 bits.
constexpr Duration kLongestStatementTimeout = hours(24 * 24);

void read_conninfo(TableReader& reader, std::string& out) {
  reader.require("conninfo");
  if (!reader.text("conninfo", out, "a libpq connection string such as \"service=NAME\"")) return;
  if (const auto fault = find_conninfo_fault(out)) {
    reader.complain("conninfo", *fault);
    out.clear();
    return;
  }
  reader.mention(Mention::What::conninfo, "conninfo", {out});
}

}  // namespace

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 63 || text.front() < 'a' || text.front() > 'z') return false;
  return text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

void read_daemon(TableReader& reader, Daemon& out) {
  reader.text("instance", out.instance);
  reader.absolute_path("state_dir", out.state_dir);
  reader.integer("max_parallel_runs", out.max_parallel_runs, {1, 64});
  reader.duration("drain_timeout", out.drain_timeout, {seconds(0), hours(24)});
  reader.duration("poll_interval", out.poll_interval, {milliseconds(100), hours(1)});
  reader.duration("lease_time", out.lease_time, {seconds(3), hours(1)});
  reader.finish();
}

void read_registry(TableReader& reader, Registry& out) {
  read_conninfo(reader, out.conninfo);
  reader.finish();
}

void read_log(TableReader& reader, Log& out) {
  reader.word("level", out.level);
  reader.word("format", out.format);
  reader.finish();
}

void read_source(TableReader& reader, Source& out) {
  read_conninfo(reader, out.conninfo);
  reader.duration("statement_timeout", out.statement_timeout, {seconds(0), kLongestStatementTimeout});
  reader.integer("streams", out.streams, {1, 8});
  reader.finish();
}

}  // namespace settings
}  // namespace retraind
