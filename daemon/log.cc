#include "daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

// The journal's fields say where a line comes from by its event, not by a place in the code.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

namespace retraind::daemon {
namespace {

using settings::LogFormat;
using settings::LogLevel;

constexpr const char* kJournalSocket = "/run/systemd/journal/socket";

std::atomic<LogFormat> format_in_use{LogFormat::text};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::critical:
      return spdlog::level::critical;
  }
  return spdlog::level::info;
}

bool standard_error_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat about {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &about) == 0 &&
         is_journal_stream(stream, about.st_dev, about.st_ino);
}

bool send_to_journal(const LogLine& line) {
  const std::vector<std::string> fields = as_journal_fields(line);
  std::vector<iovec> parts;
  for (const std::string& field : fields) parts.push_back({const_cast<char*>(field.data()), field.size()});
  return ::sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) >= 0;
}

void write(const LogLine& line) {
  const auto level = to_spdlog(line.level);
  if (!spdlog::default_logger_raw()->should_log(level)) return;
  switch (format_in_use.load()) {
    case LogFormat::json:
      spdlog::log(
          level, "{}",
          as_json(line, std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now())));
      return;
    case LogFormat::journal:
      if (send_to_journal(line)) return;
      break;  // better said there than nowhere
    case LogFormat::automatic:
    case LogFormat::text:
      break;
  }
  spdlog::log(level, "{}", as_text(line));
}

}  // namespace

void configure_log(const settings::Log& log) {
  LogFormat format = log.format;
  if (format == LogFormat::automatic) format = standard_error_is_journal() ? LogFormat::journal : LogFormat::text;
  const bool journal_is_gone = format == LogFormat::journal && ::access(kJournalSocket, W_OK) != 0;
  if (journal_is_gone) format = LogFormat::text;
  auto logger = spdlog::get("retraind");
  if (!logger) {
    logger = spdlog::stderr_logger_mt("retraind");
    spdlog::set_default_logger(logger);
    logger->flush_on(spdlog::level::trace);
  }
  logger->set_level(to_spdlog(log.level));
  logger->set_pattern(format == LogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  format_in_use = format;
  if (journal_is_gone) {
    log_event(
        Event::journal_unavailable,
        std::string(kJournalSocket) + " is not there or not to be written to; lines go to standard error as text");
  }
}

void log_event(Event event, std::string_view message, std::initializer_list<Field> fields) {
  write({.level = entry_of(event).level, .event = event, .message = message, .fields = fields});
}

void log_info(std::string_view message, std::initializer_list<Field> fields) {
  write({.level = LogLevel::info, .event = std::nullopt, .message = message, .fields = fields});
}

void log_debug(std::string_view message, std::initializer_list<Field> fields) {
  write({.level = LogLevel::debug, .event = std::nullopt, .message = message, .fields = fields});
}

}  // namespace retraind::daemon
