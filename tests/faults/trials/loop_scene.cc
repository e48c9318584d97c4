#include "tests/faults/trials/loop_scene.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <fstream>
#include <set>

namespace retraind::testing {
namespace {

constexpr int kRows = 1500;

}  // namespace

void LoopScene::SetUp() {
  world.make_events();
  world.source.exec("CREATE INDEX ON events (ts)");
  std::ofstream(world.folder() / "tell") << "#!/bin/sh\ncat >> " << (world.folder() / "told.json").string() << "\n";
  std::filesystem::permissions(world.folder() / "tell", std::filesystem::perms::owner_all);
  config = configure();
}

std::string LoopScene::model_text() const {
  // What goes on failing is told once, and otherwise at the level of debugging; the trials look for each.
  const std::string log = "[log]\nlevel = \"debug\"\n";
  return log +
         World::events_model("m", "max_attempts = 10",
                             fmt::format(R"toml(
bake = "0s"
shadow = "0s"
spend_alpha = false
[model.m.release]
directory = "{}"
on_promote = ["{}"]
[[model.m.trigger]]
on = "signal"
signal = "pulse"
above = 1000
every = "1h"
)toml",
                                         (world.folder() / "serving").string(), (world.folder() / "tell").string()));
}

std::filesystem::path LoopScene::configure(const std::string& name) {
  return world.configure(model_text(), fmt::format("lease_time = \"{}s\"\ndrain_timeout = \"0s\"\n", kLease.count()),
                         name);
}

void LoopScene::ask_for_a_promotion() {
  world.add_events(minute_, kRows, concept_);
  minute_ += kRows;
  concept_ = 1 - concept_;
  world.source.exec(fmt::format("DELETE FROM events WHERE ts < timestamptz '2026-01-01 00:00+00' + interval '{} min'",
                                minute_ - 2 * kRows));
  if (world.registry.text("SELECT count(*) FROM retraind.model") != "0") {
    world.registry.exec("SELECT retraind.request_run('m', 'the data have turned over')");
  }
}

std::optional<Seconds> LoopScene::until_at_work(std::chrono::seconds deadline) {
  const auto begun = Clock::now();
  std::string since;
  const auto evaluated = [&] {
    // The daemon may load the model only now; the value is recorded once there is a trigger for it.
    if (since.empty()) {
      if (world.registry.text("SELECT count(*) FROM retraind.monitor WHERE trigger = 'signal'") == "0") return false;
      since = world.registry.text("SELECT clock_timestamp()");
      world.registry.exec("SELECT retraind.record_signal('pulse', 0)");
    }
    return world.holds("SELECT last_evaluated_at > '" + since + "' FROM retraind.monitor WHERE trigger = 'signal'");
  };
  if (!time_until(evaluated, deadline)) return std::nullopt;
  return Clock::now() - begun;
}

bool LoopScene::comes_to_rest(std::chrono::seconds deadline) {
  return world.comes_true([&] { return at_rest(world); }, "everything has come to rest", deadline);
}

void LoopScene::begin() {
  ask_for_a_promotion();
  daemon = &world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.production"));
  ASSERT_TRUE(comes_to_rest());
}

void LoopScene::expect_all_well(const std::string& what) {
  ASSERT_TRUE(comes_to_rest()) << what;
  EXPECT_EQ(what_is_broken(world, {daemon->pid()}, {.settled = true}), "") << what;
  EXPECT_EQ(what_was_not_told(), "") << what;
  EXPECT_FALSE(daemon->ended()) << what << ": the daemon must outlive it";
}

std::string LoopScene::what_was_not_told() {
  std::ifstream in(world.folder() / "told.json");
  std::int64_t newest = 0;
  std::set<std::int64_t> told;
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const std::int64_t id = boost::json::parse(line).at("release_id").as_int64();
    // Once more is allowed, back is not.
    if (id < newest) out += fmt::format("release {} was told after release {}\n", id, newest);
    newest = std::max(newest, id);
    told.insert(id);
  }
  for (const TextRow& row : world.registry.rows(
           "SELECT release_id FROM retraind.release WHERE target = 'command' AND state = 'delivered' ORDER BY 1")) {
    if (!told.contains(std::stoll(*row.at(0)))) out += fmt::format("release {} was never told\n", *row.at(0));
  }
  const std::string current = std::filesystem::read_symlink(world.folder() / "serving" / "current");
  const std::string production = world.registry.text("SELECT 'v' || version FROM retraind.production");
  if (current != production) out += fmt::format("`current` is {}, but production is {}\n", current, production);
  return out;
}

}  // namespace retraind::testing
