#include "daemon/service_status.h"

#include <gtest/gtest.h>

namespace retraind::daemon {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::steady_clock;

const TimePoint kNow = *parse_instant("2026-11-30 20:45:12");
const steady_clock::time_point kSteadyNow{seconds(100'000)};

std::string text(const ServiceStatus& status) {
  return status_text(status, kNow, kSteadyNow);
}

TEST(StatusLine, SaysWhatGoesOnAndWhatComesNext) {
  ServiceStatus status{.begun = true, .models = 14};
  EXPECT_EQ(text(status), "idle; 14 models");
  status.runs = 2;
  status.looks = 1;
  status.models = 1;
  status.next_trigger = kNow + minutes(30);
  EXPECT_EQ(text(status), "2 runs, 1 look; 1 model; next trigger at 21:15 UTC");
  status.runs = 1;
  status.looks = 2;
  status.deliveries = 3;
  status.next_trigger = kNow + hours(7);
  EXPECT_EQ(text(status), "1 run, 2 looks, 3 deliveries; 1 model; next trigger at 2026-12-01 03:45 UTC");
}

TEST(StatusLine, DoesNotChangeWithEverySecond) {
  ServiceStatus status{.begun = true, .models = 1, .next_trigger = kNow + seconds(40)};
  EXPECT_EQ(text(status), "idle; 1 model; next trigger within a minute");
  status.next_trigger = kNow - seconds(2);
  EXPECT_EQ(text(status), "idle; 1 model; next trigger within a minute");
}

TEST(StatusLine, SaysThatTheRegistryCannotBeUsedAndWhy) {
  ServiceStatus status{.models = 3};
  EXPECT_EQ(text(status), "waiting for the registry");
  status.trouble = RegistryHealth::Trouble{.since = kNow - minutes(3), .words = "no route to host"};
  EXPECT_EQ(text(status), "the registry cannot be used since 20:42 UTC: no route to host; waiting for the registry");
  status.begun = true;
  EXPECT_EQ(text(status), "the registry cannot be used since 20:42 UTC: no route to host; idle; 3 models");
}

TEST(StatusLine, SaysThatTheLastReloadFailedUntilOneSucceeds) {
  ServiceStatus status{.begun = true, .models = 3};
  status.last_reload.succeed(kNow - hours(3));
  EXPECT_EQ(text(status), "idle; 3 models");
  status.last_reload.fail(kNow - minutes(5), 2, "a.toml:3:1: unknown key \"windw\"");
  EXPECT_EQ(text(status),
            "last reload failed at 20:40 UTC: 2 complaints, first: a.toml:3:1: unknown key \"windw\"; the settings "
            "before are in force; idle; 3 models");
  status.last_reload.fail(kNow, 0, "the database refused");
  EXPECT_EQ(text(status),
            "last reload failed at 20:45 UTC: the database refused; the settings before are in force; idle; 3 models");
  EXPECT_EQ(status.last_reload.failed, 2u);
  EXPECT_EQ(status.last_reload.succeeded_at, kNow - hours(3));
  status.last_reload.succeed(kNow);
  EXPECT_EQ(text(status), "idle; 3 models");
}

TEST(StatusLine, BeginsWithALoopThatStandsStill) {
  ServiceStatus status{.begun = true, .models = 3};
  status.stuck =
      Mark{.who = "the run loop", .doing = "claiming runs", .since = kSteadyNow - minutes(4), .allowed = seconds(90)};
  EXPECT_EQ(text(status),
            "the run loop stands still since 20:41 UTC (claiming runs), the watchdog is not fed; idle; 3 models");
}

TEST(StatusLine, SaysWhatAStopWaitsFor) {
  EXPECT_EQ(stopping_text(0, 0, seconds(30)), "stopping");
  EXPECT_EQ(stopping_text(1, 0, seconds(30)), "stopping: 1 run has 30s to end");
  EXPECT_EQ(stopping_text(2, 1, minutes(2)), "stopping: 2 runs and 1 delivery have 2min to end");
}

}  // namespace
}  // namespace retraind::daemon
