#include "daemon/event.h"

#include <array>

namespace retraind::daemon {
namespace {

using settings::LogLevel;

constexpr std::array kEntries = {
    EventEntry{Event::ready, "ready", "bf33047ccf2642cea440da666faf3cbf", LogLevel::info, "The daemon is ready"},
    EventEntry{Event::stopping, "stopping", "5e07ad8e318a4c6c9ac63d960769ba44", LogLevel::info, "The daemon stops"},
    EventEntry{Event::stopped, "stopped", "0623e9f2b7b641429e2d1508cf84520a", LogLevel::info, "The daemon has stopped"},
    EventEntry{Event::sign_off_failed, "sign_off_failed", "e77755a201ed425fb2016035aa07e9be", LogLevel::warning,
               "The daemon could not sign off"},
    EventEntry{Event::registry_unavailable, "registry_unavailable", "f007a123a03143e78574fa63d243a0d8", LogLevel::error,
               "The registry cannot be used"},
    EventEntry{Event::registry_available, "registry_available", "37e5a83595204609a41460f79e32cfa2", LogLevel::info,
               "The registry can be used again"},
    EventEntry{Event::notifications_unheard, "notifications_unheard", "8a86d05134364fabbb5ebfaa58f1a678",
               LogLevel::warning, "Notifications are not heard"},
    EventEntry{Event::loop_failed, "loop_failed", "8c85bd76bb90439aa605ccae1c3656d2", LogLevel::error,
               "A pass of a loop failed"},
    EventEntry{Event::loop_stuck, "loop_stuck", "3271563b74204fcd8eaa94b06446c226", LogLevel::error,
               "A loop stands still"},
    EventEntry{Event::loop_resumed, "loop_resumed", "44ae0514628f40c59bf58aeacbee7833", LogLevel::info,
               "A loop goes on again"},
    EventEntry{Event::reloading, "reloading", "9a4aaae941794dfc9356010a914bf64c", LogLevel::info,
               "The configuration is read again"},
    EventEntry{Event::configuration_fault, "configuration_fault", "dde7dc2703934afd80f5bc6f4d47aaa0", LogLevel::error,
               "Something in the configuration is wrong"},
    EventEntry{Event::configuration_warning, "configuration_warning", "1e2b7086d076482582381bc2d40012d4",
               LogLevel::warning, "Something in the configuration is not safe"},
    EventEntry{Event::reload_failed, "reload_failed", "db146750acf14851b5880b11be1c3e17", LogLevel::error,
               "The configuration was not reloaded"},
    EventEntry{Event::reloaded, "reloaded", "769bcb71915e4a75a7583c88a2f6388e", LogLevel::info,
               "The configuration was reloaded"},
    EventEntry{Event::model_loaded, "model_loaded", "1953eddc5c854f92b083697e716e87d4", LogLevel::info,
               "A model was added, changed or removed"},
    EventEntry{Event::restart_needed, "restart_needed", "e5c16ca1bb0842ebbd50c9266f031f00", LogLevel::warning,
               "A change takes effect at the next start"},
    EventEntry{Event::journal_unavailable, "journal_unavailable", "d715ebde5388401b8b74751e1000f6a6", LogLevel::warning,
               "The journal cannot be written to"},
    EventEntry{Event::lease_not_renewed, "lease_not_renewed", "f5428fed6ce944e2b93b76873add1d4f", LogLevel::warning,
               "A lease could not be renewed"},
    EventEntry{Event::lease_lost, "lease_lost", "81bf5d00405b4003a2e2c65d1ae72943", LogLevel::error,
               "A lease was lost"},
    EventEntry{Event::trigger_decided, "trigger_decided", "3cf29b2b6c76446e9c46b72ab2e7a519", LogLevel::info,
               "A trigger has decided"},
    EventEntry{Event::trigger_error, "trigger_error", "cdf0082fe85e48568be4406a41cae560", LogLevel::warning,
               "A trigger could not observe"},
    EventEntry{Event::trigger_alert, "trigger_alert", "55812e44bcfe407e8c4458cf7c8b86cb", LogLevel::warning,
               "A trigger raised an alert"},
    EventEntry{Event::trigger_unrecorded, "trigger_unrecorded", "f8dda93068a840b1a75789fcec0576d7", LogLevel::error,
               "What a trigger decided could not be recorded"},
    EventEntry{Event::run_started, "run_started", "4c4a58bba55647ff86b3a9bd05370d0e", LogLevel::info,
               "A run has started"},
    EventEntry{Event::run_ended, "run_ended", "21b31c616af0489da5db2f1575e00cf6", LogLevel::info,
               "A run has ended without a promotion"},
    EventEntry{Event::promoted, "promoted", "e16b91e4247943519b6c3b5e5725014b", LogLevel::info,
               "A version came into production"},
    EventEntry{Event::run_warning, "run_warning", "d7cb74daf29343738b3ab0d12e38591d", LogLevel::warning, "A run warns"},
    EventEntry{Event::attempt_failed, "attempt_failed", "d2b0e6a09bc94541855064545ea80633", LogLevel::error,
               "An attempt of a run did not end well"},
    EventEntry{Event::run_failed, "run_failed", "d121e83bccda44fa8e67291c73923c16", LogLevel::error,
               "A run has failed"},
    EventEntry{Event::run_handed_back, "run_handed_back", "3a54eb3506674c8e809c25bbeb34c0fd", LogLevel::info,
               "A run was handed back to the queue"},
    EventEntry{Event::run_taken_back, "run_taken_back", "621d4378bdff495ea78026bdb65e775a", LogLevel::warning,
               "A run whose holder was lost was taken back"},
    EventEntry{Event::step_unrecorded, "step_unrecorded", "a47b4f8a75c44dc98adf42cdaea463af", LogLevel::warning,
               "A step of a run could not be recorded"},
    EventEntry{Event::verdict_delayed, "verdict_delayed", "ad23d8c88bd941ea8293c64c7c50625a", LogLevel::warning,
               "A verdict could not be written yet"},
    EventEntry{Event::run_unrecorded, "run_unrecorded", "2235a42bc07147d189a75f4afd7b9d99", LogLevel::error,
               "The end of a run could not be recorded"},
    EventEntry{Event::strays_killed, "strays_killed", "2be26d51554e46bbb940557f4bd5907d", LogLevel::warning,
               "Processes that a worker left behind were killed"},
    EventEntry{Event::strays_remain, "strays_remain", "ab48406716344624b770f4e20b0ea504", LogLevel::warning,
               "Processes that a worker left behind are still there"},
    EventEntry{Event::trial_begun, "trial_begun", "459738ea05e24b2f9a3400e157002507", LogLevel::info,
               "A shadow or a bake has begun"},
    EventEntry{Event::trial_ended, "trial_ended", "1e8275e07a324dc7b7523248ea4fc147", LogLevel::info,
               "A shadow or a bake has ended"},
    EventEntry{Event::rolled_back, "rolled_back", "c27dda7987094f33ab66284460fdf9b9", LogLevel::warning,
               "A version was rolled back by its bake"},
    EventEntry{Event::trial_look_failed, "trial_look_failed", "4ea22d30af304ca5be09d0a86ea94a4b", LogLevel::warning,
               "New rows could not be scored for a shadow or a bake"},
    EventEntry{Event::trial_unrecorded, "trial_unrecorded", "5b379a0c580d4ccdb76542a0d0017ae0", LogLevel::error,
               "What a shadow or a bake found could not be recorded"},
    EventEntry{Event::rows_scored, "rows_scored", "b8b88097778647dc96e6c2c0d8c5ab36", LogLevel::info,
               "New rows were scored"},
    EventEntry{Event::scoring_failed, "scoring_failed", "288be5622fd4412a8e2fd88585e9420d", LogLevel::warning,
               "New rows could not be scored"},
    EventEntry{Event::scoring_unrecorded, "scoring_unrecorded", "3af0ebe54c8a4f2a97f2818b476bc679", LogLevel::error,
               "How far scoring came could not be recorded"},
    EventEntry{Event::release_delivered, "release_delivered", "e1e85e6c59004874b253c02ea4bd4aae", LogLevel::info,
               "A promotion was announced"},
    EventEntry{Event::release_failed, "release_failed", "9946d79a80a849629b97efd5072e3a87", LogLevel::warning,
               "A promotion could not be announced"},
    EventEntry{Event::release_unrecorded, "release_unrecorded", "cfe86420def3492a963da3cd8e703437", LogLevel::error,
               "Whether a promotion was announced could not be recorded"},
    EventEntry{Event::release_overtaken, "release_overtaken", "c132d02b3ae540fc88aba7818502b5dc", LogLevel::warning,
               "A delivery was settled by somebody else"},
    EventEntry{Event::http_unavailable, "http_unavailable", "c3dd4a2af7b24c49a7340f543b5987d1", LogLevel::error,
               "The HTTP server cannot listen"},
    EventEntry{Event::http_exposed, "http_exposed", "17a8089cd1bb4152bb817340c9686eae", LogLevel::warning,
               "Other machines may reach the HTTP server"},
    EventEntry{Event::http_fault, "http_fault", "7e3ec9eca5094a0aa62e213f842728c2", LogLevel::error,
               "An HTTP request could not be answered"},
};

// entry_of() finds an event at its own number.
constexpr bool in_order() {
  for (std::size_t i = 0; i < kEntries.size(); ++i) {
    if (static_cast<std::size_t>(kEntries[i].event) != i) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const EventEntry> event_entries() {
  return kEntries;
}

}  // namespace retraind::daemon
