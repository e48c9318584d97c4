#include "daemon/health.h"

#include <gtest/gtest.h>

namespace retraind::daemon {
namespace {

using namespace std::chrono_literals;

ReadinessFacts well() {
  return {.stopping = false, .loaded = true, .last_write = 3s, .poll_interval = 5s};
}

TEST(Health, IsReadyWhileWritesSucceed) {
  const HealthAnswer answer = judge_readiness(well());
  EXPECT_TRUE(answer.well);
  EXPECT_EQ(answer.sentence, "ready: the last write to the registry succeeded 3s ago");
}

TEST(Health, IsPatientForThreeRenewalsAndTenSeconds) {
  ReadinessFacts facts = well();
  facts.last_write = 25s;
  EXPECT_TRUE(judge_readiness(facts).well);
  facts.last_write = 25s + 1us;
  const HealthAnswer answer = judge_readiness(facts);
  EXPECT_FALSE(answer.well);
  EXPECT_EQ(answer.sentence,
            "the last write to the registry succeeded 25s ago, and one is due every 5s; the log says what fails");
}

TEST(Health, IsNotReadyBeforeTheRegistryHasTakenTheConfiguration) {
  ReadinessFacts facts = well();
  facts.loaded = false;
  EXPECT_FALSE(judge_readiness(facts).well);
}

TEST(Health, IsNotReadyBeforeTheFirstWrite) {
  ReadinessFacts facts = well();
  facts.last_write.reset();
  EXPECT_FALSE(judge_readiness(facts).well);
}

TEST(Health, IsNotReadyWhileItStops) {
  ReadinessFacts facts = well();
  facts.stopping = true;
  EXPECT_EQ(judge_readiness(facts).sentence, "stopping: nothing more is begun");
  EXPECT_FALSE(judge_readiness(facts).well);
}

TEST(Health, LivesUnlessSomethingStandsStill) {
  Health health;
  EXPECT_TRUE(health.life().well);
  health.watch([] { return std::optional<std::string>("the run loop has not moved for 90s"); });
  EXPECT_FALSE(health.life().well);
  EXPECT_EQ(health.life().sentence, "the run loop has not moved for 90s");
  health.watch([] { return std::optional<std::string>(); });
  EXPECT_TRUE(health.life().well);
}

TEST(Health, RemembersTheLastWrite) {
  Health health;
  health.note_loaded();
  EXPECT_FALSE(health.readiness(false, 5s).well);
  const TimePoint at{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}};
  health.note_write(at);
  EXPECT_TRUE(health.readiness(false, 5s).well);
  EXPECT_EQ(health.last_write_at(), at);
}

}  // namespace
}  // namespace retraind::daemon
