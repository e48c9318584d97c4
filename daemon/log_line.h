#pragma once
// One line of the log and its three spellings: text for people, JSON for machines, fields for the journal. One event
// one line in all of them, and no secret in any: every text passes through redacted() first. Thread-safe: pure
// functions.

#include <sys/types.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "daemon/event.h"

namespace retraind::daemon {

// What a line is about, travelling beside the message.
struct Field {
  std::string_view name;  // model, run, trigger, step, loop, …: lower-case letters and _
  std::string value;      // empty: the field is left out
};

struct LogLine {
  settings::LogLevel level = settings::LogLevel::info;
  std::optional<Event> event;  // absent: what nobody has to recognise, at info and below
  std::string_view message;
  std::initializer_list<Field> fields;
};

// "[model=power run=7] message". Lines at warning and above also name their event, by which docs/messages.md is read.
std::string as_text(const LogLine& line);

// {"at": …, "level": …, "event": …, "message": …, then the fields}; `at` is the host's time.
std::string as_json(const LogLine& line, TimePoint at);

// "NAME=value" for each field of the journal: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, MESSAGE_ID and RETRAIND_EVENT where
// there is an event, RETRAIND_MODEL, RETRAIND_RUN, … for the fields.
std::vector<std::string> as_journal_fields(const LogLine& line);

// Whether JOURNAL_STREAM ("device:inode", as systemd sets it) is about this file: then what is written to it goes to
// the journal.
bool is_journal_stream(std::string_view journal_stream, dev_t device, ino_t inode);

}  // namespace retraind::daemon
