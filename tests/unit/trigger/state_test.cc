#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

TEST(TriggerState, ReadsBackWhatItWrote) {
  State state;
  EXPECT_EQ(state_from_json(to_json(state)), state);
  state.phase = TriggerPhase::firing;
  state.holds_since = parse_instant("2026-05-01T12:00:00.000001Z");
  state.holds_checks = 7;
  state.last_slot = parse_instant("2026-05-01T03:00:00Z");
  state.last_recorded = "suppressed:cooldown";
  state.errors = 3;
  state.recent = "0110";
  state.clean_checks = 2;
  state.last_sample_at = parse_instant("2026-05-01T11:00:00.5Z");
  state.alerting = true;
  state.newest_event = 0.1 + 0.2;
  state.newest_since = parse_instant("2026-05-01T10:00:00Z");
  state.version = 12;
  state.detector = R"({"rows":3,"sum":0.30000000000000004})";
  EXPECT_EQ(state_from_json(to_json(state)), state);
}

TEST(TriggerState, IsCanonicalText) {
  State state;
  state.last_slot = parse_instant("2026-05-01T03:00:00Z");
  EXPECT_EQ(to_json(state), R"({"errors":0,"holds_checks":0,"last_slot":"2026-05-01T03:00:00Z","phase":"inactive"})");
}

TEST(TriggerState, GivesMissingKeysTheirDefaultsAndLetsUnknownOnesPass) {
  EXPECT_EQ(state_from_json("{}"), State{});
  EXPECT_EQ(state_from_json(R"({"from_the_future": [1], "holds_since": null})"), State{});
  EXPECT_EQ(state_from_json(R"({"phase": "pending"})").phase, TriggerPhase::pending);
}

TEST(TriggerState, RefusesMoreChecksThanItEverKeeps) {
  EXPECT_EQ(state_from_json(R"({"recent": ")" + std::string(64, '1') + "\"}").recent.size(), 64U);
  EXPECT_THROW(state_from_json(R"({"recent": ")" + std::string(65, '1') + "\"}"), DataError);
}

TEST(TriggerState, RefusesWrongTypes) {
  for (const char* text : {"",
                           "[]",
                           "null",
                           "{",
                           R"({"phase": 1})",
                           R"({"phase": "asleep"})",
                           R"({"holds_since": "yesterday"})",
                           R"({"holds_since": 12})",
                           R"({"holds_checks": "2"})",
                           R"({"holds_checks": -1})",
                           R"({"errors": 1.5})",
                           R"({"errors": 99999999999999})",
                           R"({"last_recorded": false})",
                           R"({"last_slot": []})",
                           R"({"recent": "012"})",
                           R"({"recent": 1})",
                           R"({"clean_checks": -1})",
                           R"({"last_sample_at": "noon"})",
                           R"({"alerting": 1})",
                           R"({"newest_event": "1"})",
                           R"({"newest_since": 1})",
                           R"({"version": -1})",
                           R"({"detector": {}})"}) {
    EXPECT_THROW(state_from_json(text), DataError) << text;
  }
}

}  // namespace
}  // namespace retraind::trigger
