#pragma once
// The daemon's log: to standard error as text or JSON, or to the systemd journal with its fields. Whatever is at
// warning or above is an event of the catalogue (daemon/event.h) and cannot be logged otherwise, so that each such line
// has an id and a place in docs/messages.md. Thread-safe.

#include <initializer_list>
#include <string_view>

#include "core/settings/settings.h"
#include "daemon/log_line.h"

namespace retraind::daemon {

// Also while others log. What the format `auto` means is looked up each time: `journal` where standard error is
// connected to it.
void configure_log(const settings::Log& log);

// At the level that the catalogue gives the event.
void log_event(Event event, std::string_view message, std::initializer_list<Field> fields = {});

// What is only nice to know.
void log_info(std::string_view message, std::initializer_list<Field> fields = {});
void log_debug(std::string_view message, std::initializer_list<Field> fields = {});

}  // namespace retraind::daemon
