#include "daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/json.hpp>
#include <chrono>

#include "core/base/time.h"

namespace retraind::daemon {
namespace {

std::atomic<bool> as_json{false};

spdlog::level::level_enum to_spdlog(settings::LogLevel level) {
  switch (level) {
    case settings::LogLevel::trace:
      return spdlog::level::trace;
    case settings::LogLevel::debug:
      return spdlog::level::debug;
    case settings::LogLevel::info:
      return spdlog::level::info;
    case settings::LogLevel::warning:
      return spdlog::level::warn;
    case settings::LogLevel::error:
      return spdlog::level::err;
    case settings::LogLevel::critical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

// A message may carry what a server or a user wrote; a line break in it must not look like a second event.
std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\\n") : c == '\r' ? std::string("\\r") : std::string(1, c);
  return out;
}

}  // namespace

void configure_log(const settings::Log& log) {
  as_json = log.format == settings::LogFormat::json;
  auto logger = spdlog::get("retraind");
  if (!logger) {
    logger = spdlog::stderr_logger_mt("retraind");
    spdlog::set_default_logger(logger);
  }
  logger->set_level(to_spdlog(log.level));
  logger->flush_on(spdlog::level::trace);
  logger->set_pattern(as_json ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
}

void log_line(settings::LogLevel level, std::string_view message, std::initializer_list<Field> fields) {
  const auto target = to_spdlog(level);
  if (!spdlog::default_logger_raw()->should_log(target)) return;
  if (as_json) {
    const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    boost::json::object line{{"at", format_instant(now)},
                             {"level", std::string_view(spdlog::level::to_string_view(target).data())},
                             {"message", message}};
    for (const Field& field : fields) line[field.name] = field.value;
    spdlog::log(target, "{}", boost::json::serialize(line));
    return;
  }
  std::string line;
  for (const Field& field : fields) {
    line += line.empty() ? "[" : " ";
    line += std::string(field.name) + "=" + one_line(field.value);
  }
  if (!line.empty()) line += "] ";
  spdlog::log(target, "{}", line + one_line(message));
}

}  // namespace retraind::daemon
