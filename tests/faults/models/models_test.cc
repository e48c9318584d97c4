// Model files that were altered, with everything around them made to fit (the archive, its sha256, its row), so that
// nothing but XGBoost itself can find out: in production they may crash, hang or mislead a worker, but never the
// daemon, which does not even load the library, and none of them is promoted.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <iostream>
#include <iterator>
#include <map>

#include "core/base/error.h"
#include "core/registry/artifacts.h"
#include "core/store/database.h"
#include "core/train/artifact.h"
#include "tests/faults/trials/trials.h"

namespace retraind::testing {
namespace {

std::string mutate(std::string bytes, Random& random) {
  const auto at = [&] { return static_cast<std::size_t>(random.below(bytes.size())); };
  switch (random.below(4)) {
    case 0:  // truncated
      bytes.resize(at());
      break;
    case 1: {  // a run of bytes overwritten
      const std::size_t begin = at();
      for (std::size_t i = begin; i < std::min(bytes.size(), begin + 8); ++i)
        bytes[i] = static_cast<char>(random.below(256));
      break;
    }
    default: {  // one to four bytes changed
      const auto count = 1 + random.below(4);
      for (std::uint64_t i = 0; i < count; ++i) bytes[at()] = static_cast<char>(random.below(256));
    }
  }
  return bytes;
}

TEST(MutatedModels, InProductionNeverHarmTheDaemonAndAreNeverPromoted) {
  World world;
  world.make_events();
  world.add_events(0, 1000, 0);
  const std::string keys = "lease_time = \"3s\"\n";
  const std::string training = "max_attempts = 1\ntimeout = \"20s\"";
  DaemonProcess& first = world.start(world.configure(World::events_model("m", training), keys));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.production"));
  first.signal(SIGTERM);
  ASSERT_EQ(first.wait(), 0);

  store::Database database(world.registry.conninfo(), "retraind-test");
  const std::string sha256 = world.registry.text("SELECT artifact_sha256 FROM retraind.production");
  const train::Artifact whole = database.transact("read", [&](store::Transaction& transaction) {
    return train::unpack(registry::load_artifact(transaction, sha256));
  });
  ASSERT_EQ(whole.model_files.size(), 1U);

  // From here on no candidate can win: whatever is promoted would be a mutant.
  DaemonProcess& daemon =
      world.start(world.configure(World::events_model("m", training, "margin = 0.9\nshadow = \"0s\"\n"), keys));
  ASSERT_TRUE(world.comes_true("SELECT count(*) >= 2 AND bool_and(finished_at IS NOT NULL) FROM retraind.run"));

  Figure figure("mutated model files in production");
  Random random = random_of("mutated models");
  std::map<std::string, int> outcomes;
  const int count = trials(5, 10000);
  for (int i = 0; i < count; ++i) {
    train::Artifact mutant = whole;
    for (auto& [name, bytes] : mutant.model_files) bytes = mutate(bytes, random);
    const std::string packed = train::pack(mutant);
    const std::string stored = database.transact("store", [&](store::Transaction& transaction) {
      return registry::store_artifact(transaction, packed, TimePoint{});
    });
    world.registry.exec(
        fmt::format("BEGIN; SET LOCAL session_replication_role = replica; UPDATE retraind.model_version SET "
                    "artifact_sha256 = '{}' WHERE version = 1; COMMIT",
                    stored));
    world.registry.exec("SELECT retraind.request_run('m', 'with a mutant in production')");
    ASSERT_TRUE(world.comes_true("SELECT bool_and(state NOT IN ('queued', 'running')) FROM retraind.run"))
        << "mutant " << i;
    const std::string reason = world.registry.text(
        "SELECT state || coalesce(': ' || substring(reason from 'signal [0-9]+|exit code [0-9]+|could not be "
        "loaded|longer than|no JSON'), "
        "'') FROM "
        "retraind.run ORDER BY run_id DESC LIMIT 1");
    ++outcomes[reason];
    // A production that cannot be loaded leaves the decision to a person.
    if (reason.starts_with("awaiting_approval")) {
      world.registry.exec("SELECT retraind.reject(max(run_id), 'beside a mutant') FROM retraind.run");
    }
    EXPECT_EQ(reason.find("no JSON"), std::string::npos) << "mutant " << i;
    ASSERT_FALSE(daemon.ended()) << "mutant " << i << " ended the daemon\n" << daemon.log();
    figure.count();
  }
  for (const auto& [outcome, times] : outcomes) std::cout << "  " << times << " × " << outcome << std::endl;
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.promotion"), "1");
  std::ifstream maps(fmt::format("/proc/{}/maps", daemon.pid()));
  const std::string mapped{std::istreambuf_iterator<char>(maps), {}};
  EXPECT_FALSE(mapped.empty());
  EXPECT_EQ(mapped.find("libxgboost"), std::string::npos) << "the daemon has loaded the library";
  EXPECT_EQ(what_is_broken(world, {daemon.pid()}, {.settled = true}), "");
}

}  // namespace
}  // namespace retraind::testing
