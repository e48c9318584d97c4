// A daemon removes what its [retention] lets go, writes down what, and says so; and keeps what is in force.

#include <gtest/gtest.h>

#include <csignal>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

TEST(Retention, RemovesOldSignalsAndRecordsIt) {
  World world;
  const auto config = world.configure("[retention]\nsignals = \"30d\"\n");
  world.registry.exec(
      "INSERT INTO retraind.signal"
      " SELECT 'errors', now() - i * interval '1 day' + interval '12 hours', i FROM generate_series(1, 40) i");
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT sum(removed) = 10 FROM retraind.retention_history WHERE kind = 'signals'"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.signal"), "30");
  EXPECT_EQ(
      world.registry.text("SELECT keep = interval '30 days' FROM retraind.retention_policy WHERE kind = 'signals'"),
      "t");
  EXPECT_EQ(world.registry.text("SELECT configuration_sha256 IS NOT NULL FROM retraind.daemon"), "t");
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_NE(daemon.log().find("retention: 10 signals removed; see retraind.retention_history, pass 1"),
            std::string::npos)
      << daemon.log();
}

}  // namespace
}  // namespace retraind::testing
