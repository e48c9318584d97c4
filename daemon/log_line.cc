#include "daemon/log_line.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/base/redaction.h"

namespace retraind::daemon {
namespace {

using settings::LogLevel;

// A message may carry what a server or a user wrote; a line break in it must not look like a second event.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\\n") : c == '\r' ? std::string("\\r") : std::string(1, c);
  return out;
}

// syslog(3), which the journal follows.
int priority_of(LogLevel level) {
  switch (level) {
    case LogLevel::critical:
      return 2;
    case LogLevel::error:
      return 3;
    case LogLevel::warning:
      return 4;
    case LogLevel::info:
      return 6;
    case LogLevel::debug:
    case LogLevel::trace:
      break;
  }
  return 7;
}

std::string upper(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

}  // namespace

std::string as_text(const LogLine& line) {
  std::string about;
  const auto add = [&about](std::string_view name, std::string_view value) {
    about += about.empty() ? "[" : " ";
    about += fmt::format("{}={}", name, one_line(value));
  };
  if (line.event && line.level >= LogLevel::warning) add("event", entry_of(*line.event).name);
  for (const Field& field : line.fields) {
    if (!field.value.empty()) add(field.name, redacted(field.value));
  }
  if (!about.empty()) about += "] ";
  return about + one_line(redacted(line.message));
}

std::string as_json(const LogLine& line, TimePoint at) {
  boost::json::object out{{"at", format_instant(at)}, {"level", retraind::to_text(line.level)}};
  if (line.event) out["event"] = entry_of(*line.event).name;
  out["message"] = redacted(line.message);
  for (const Field& field : line.fields) {
    if (!field.value.empty()) out[field.name] = redacted(field.value);
  }
  return boost::json::serialize(out);
}

std::vector<std::string> as_journal_fields(const LogLine& line) {
  std::vector<std::string> out{"MESSAGE=" + redacted(line.message), fmt::format("PRIORITY={}", priority_of(line.level)),
                               "SYSLOG_IDENTIFIER=retraind"};
  if (line.event) {
    const EventEntry& entry = entry_of(*line.event);
    out.push_back(fmt::format("MESSAGE_ID={}", entry.message_id));
    out.push_back(fmt::format("RETRAIND_EVENT={}", entry.name));
  }
  for (const Field& field : line.fields) {
    if (!field.value.empty()) out.push_back(fmt::format("RETRAIND_{}={}", upper(field.name), redacted(field.value)));
  }
  return out;
}

bool is_journal_stream(std::string_view journal_stream, dev_t device, ino_t inode) {
  return journal_stream == fmt::format("{}:{}", device, inode);
}

}  // namespace retraind::daemon
