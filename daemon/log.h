#pragma once
// Log lines of the daemon: one event one line, as text for people or JSON for machines, on standard error. Fields that
// say what an event is about travel beside the message. Thread-safe.

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "core/settings/settings.h"

namespace retraind::daemon {

void configure_log(const settings::Log& log);

struct Field {
  std::string_view name;  // model, run, trigger, step, …
  std::string value;
};

void log_line(settings::LogLevel level, std::string_view message, std::initializer_list<Field> fields = {});

inline void log_info(std::string_view message, std::initializer_list<Field> fields = {}) {
  log_line(settings::LogLevel::info, message, fields);
}
inline void log_warning(std::string_view message, std::initializer_list<Field> fields = {}) {
  log_line(settings::LogLevel::warning, message, fields);
}
inline void log_error(std::string_view message, std::initializer_list<Field> fields = {}) {
  log_line(settings::LogLevel::error, message, fields);
}
inline void log_debug(std::string_view message, std::initializer_list<Field> fields = {}) {
  log_line(settings::LogLevel::debug, message, fields);
}

}  // namespace retraind::daemon
