#pragma once
// The catalogue of what the daemon says: every event that a person or a program may want to recognise has a name, an id
// for the journal and a level, all of which stay as they are from version to version. What each means and what to do is
// in docs/messages.md, which a test holds against this table, and from which scripts/message_catalog makes the
// catalogue of the journal (systemd/retraind.catalog). Thread-safe: constants.

#include <cstddef>
#include <span>
#include <string_view>

#include "core/settings/settings.h"

namespace retraind::daemon {

// In the order of the page. A name is never used for something else, and its id never changes.
enum class Event {
  ready,
  stopping,
  stopped,
  sign_off_failed,
  registry_unavailable,
  registry_available,
  notifications_unheard,
  loop_failed,
  loop_stuck,
  loop_resumed,
  reloading,
  configuration_fault,
  configuration_warning,
  reload_failed,
  reloaded,
  model_loaded,
  restart_needed,
  journal_unavailable,
  lease_not_renewed,
  lease_lost,
  trigger_decided,
  trigger_error,
  trigger_alert,
  trigger_unrecorded,
  run_started,
  run_ended,
  promoted,
  run_warning,
  attempt_failed,
  run_failed,
  run_handed_back,
  run_taken_back,
  step_unrecorded,
  verdict_delayed,
  run_unrecorded,
  strays_killed,
  strays_remain,
  trial_begun,
  trial_ended,
  rolled_back,
  trial_look_failed,
  trial_unrecorded,
  rows_scored,
  scoring_failed,
  scoring_unrecorded,
  release_delivered,
  release_failed,
  release_unrecorded,
  release_overtaken,
  http_unavailable,
  http_exposed,
  http_fault,
};

struct EventEntry {
  Event event;
  std::string_view name;        // as the enumerator; the field `event` of a line
  std::string_view message_id;  // 32 hexadecimal digits: the journal's MESSAGE_ID
  settings::LogLevel level;
  std::string_view subject;  // a sentence without its full stop
};

// One for each event, in the order of the enumerators.
std::span<const EventEntry> event_entries();

inline const EventEntry& entry_of(Event event) {
  return event_entries()[static_cast<std::size_t>(event)];
}

}  // namespace retraind::daemon
