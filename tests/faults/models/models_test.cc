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

// So many at a time, each in production of a model of its own.
constexpr int kModels = 8;

class MutatedModels : public ::testing::Test {
 protected:
  static std::string name_of(int model) { return fmt::format("m{}", model); }

  std::filesystem::path configure(const std::string& validation) {
    std::string models;
    for (int i = 0; i < kModels; ++i) {
      models += World::events_model(name_of(i), "max_attempts = 1\ntimeout = \"20s\"", validation);
    }
    return world.configure(models, "lease_time = \"3s\"\nmax_parallel_runs = 2\n");
  }

  // Puts `mutant` where the first version of the model was.
  void put_into_production(store::Database& database, int model, const train::Artifact& mutant) {
    const std::string stored = database.transact("store", [&](store::Transaction& transaction) {
      return registry::store_artifact(transaction, train::pack(mutant), TimePoint{});
    });
    world.registry.exec(fmt::format(
        "BEGIN; SET LOCAL session_replication_role = replica; UPDATE retraind.model_version SET "
        "artifact_sha256 = '{}' WHERE version = 1 AND model_id = (SELECT model_id FROM retraind.model WHERE "
        "name = '{}'); COMMIT",
        stored, name_of(model)));
  }

  World world;
};

TEST_F(MutatedModels, InProductionNeverHarmTheDaemonAndAreNeverPromoted) {
  world.make_events();
  world.add_events(0, 1000, 0);
  DaemonProcess& first = world.start(configure(""));
  ASSERT_TRUE(world.comes_true(fmt::format("SELECT count(*) = {} FROM retraind.production", kModels)));
  first.signal(SIGTERM);
  ASSERT_EQ(first.wait(), 0);

  store::Database database(world.registry.conninfo(), "retraind-test");
  const std::string sha256 = world.registry.text("SELECT max(artifact_sha256) FROM retraind.production");
  const train::Artifact whole = database.transact("read", [&](store::Transaction& transaction) {
    return train::unpack(registry::load_artifact(transaction, sha256));
  });
  ASSERT_EQ(whole.model_files.size(), 1U);

  // From here on no candidate can win: whatever is promoted would be a mutant.
  DaemonProcess& daemon = world.start(configure("margin = 0.9\nshadow = \"0s\"\n"));
  const std::string all_ended = "SELECT bool_and(state NOT IN ('queued', 'running')) FROM retraind.run";
  ASSERT_TRUE(world.comes_true(
      fmt::format("SELECT count(*) = 2 * {} FROM retraind.run WHERE finished_at IS NOT NULL", kModels)));

  Figure figure("mutated model files in production");
  Random random = random_of("mutated models");
  std::map<std::string, int> outcomes;
  const int rounds = (trials(kModels, 10000) + kModels - 1) / kModels;
  for (int round = 0; round < rounds; ++round) {
    for (int model = 0; model < kModels; ++model) {
      train::Artifact mutant = whole;
      for (auto& [name, bytes] : mutant.model_files) bytes = mutate(bytes, random);
      put_into_production(database, model, mutant);
    }
    world.registry.exec("SELECT retraind.request_run(name, 'with a mutant in production') FROM retraind.model");
    ASSERT_TRUE(world.comes_true(all_ended)) << "round " << round;
    for (const TextRow& row : world.registry.rows(
             "SELECT DISTINCT ON (model_id) state || coalesce(': ' || substring(reason from 'signal [0-9]+|exit code "
             "[0-9]+|could not be loaded|longer than|no JSON'), '') FROM retraind.run ORDER BY model_id, run_id "
             "DESC")) {
      EXPECT_EQ(row.at(0)->find("no JSON"), std::string::npos) << "round " << round;
      ++outcomes[*row.at(0)];
      figure.count();
    }
    // A production that cannot be loaded leaves the decision to a person.
    world.registry.exec(
        "SELECT retraind.reject(run_id, 'beside a mutant') FROM retraind.run WHERE state = 'awaiting_approval'");
    ASSERT_FALSE(daemon.ended()) << "round " << round << " ended the daemon\n" << daemon.log();
  }
  for (const auto& [outcome, times] : outcomes) std::cout << "  " << times << " × " << outcome << std::endl;
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.promotion"), std::to_string(kModels));
  std::ifstream maps(fmt::format("/proc/{}/maps", daemon.pid()));
  const std::string mapped{std::istreambuf_iterator<char>(maps), {}};
  EXPECT_FALSE(mapped.empty());
  EXPECT_EQ(mapped.find("libxgboost"), std::string::npos) << "the daemon has loaded the library";
  EXPECT_EQ(what_is_broken(world, {daemon.pid()}, {.settled = true}), "");
}

}  // namespace
}  // namespace retraind::testing
