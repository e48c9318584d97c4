#include "daemon/registry_health.h"

#include <gtest/gtest.h>

#include "core/base/error.h"

namespace retraind::daemon {
namespace {

constexpr Duration kPause = std::chrono::seconds(5);

TEST(RegistryHealth, IsBadFromTheFirstFailureUntilNoLoopHasAnyMore) {
  RegistryHealth health;
  EXPECT_FALSE(health.trouble());
  health.pass_failed("run", "runs could not be claimed", UnreachableError("no route", "check the cable"), kPause);
  ASSERT_TRUE(health.trouble());
  EXPECT_EQ(health.trouble()->words, "no route (check the cable)");
  const TimePoint since = health.trouble()->since;
  // The next words are those of the same trouble.
  health.pass_failed("upkeep", "upkeep failed", TransientError("timeout"), kPause);
  EXPECT_EQ(health.trouble()->words, "no route (check the cable)");
  // A loop that has nothing to ask says nothing about the registry.
  health.pass_succeeded("release");
  health.pass_succeeded("run");
  ASSERT_TRUE(health.trouble());
  EXPECT_EQ(health.trouble()->since, since);
  health.pass_succeeded("upkeep");
  EXPECT_FALSE(health.trouble());
}

TEST(RegistryHealth, IsNotBadBecauseOfABugOrAMissingPermission) {
  RegistryHealth health;
  health.pass_failed("run", "runs could not be claimed", ConfigError("permission denied"), kPause);
  health.pass_failed("run", "runs could not be claimed", std::logic_error("a bug"), kPause);
  EXPECT_FALSE(health.trouble());
  health.pass_succeeded("run");
  EXPECT_FALSE(health.trouble());
}

}  // namespace
}  // namespace retraind::daemon
