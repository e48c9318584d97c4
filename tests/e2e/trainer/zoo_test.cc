// Programs that no daemon should have to live with, as trainers of the real one: each gives a failed run that says what
// was wrong, nothing of them stays, and the daemon goes on to train with a program that is as it should be.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMark = "ZOO_MARK=1f0c99d2a4b7";

struct Beast {
  std::string name;
  std::string train;
  std::string predict;
  std::string keys;    // further keys of [model.NAME.training]
  std::string reason;  // what the run's reason must hold
};

const std::string kTrain = "mkdir model && echo m > model/m";
const std::string kPredict = "{ echo prediction; tail -n +2 features.csv | sed 's/.*/0.5/'; } > predictions.csv";

std::string predict_all(const std::string& value) {
  return "{ echo prediction; tail -n +2 features.csv | sed 's/.*/" + value + "/'; } > predictions.csv";
}

std::vector<Beast> beasts() {
  return {
      {"escapes",
       "setsid sh -c 'trap \"\" TERM HUP INT; sleep 1000; sleep 1000' & (setsid setsid sleep 1000 &) & sleep 0.2; "
       "exit 1",
       kPredict, "", "ended with exit code 1"},
      {"floods", "yes 'a line that nobody reads'", kPredict, "timeout = \"2s\"\n", "longer than "},
      {"fills_the_disk", "cat /dev/zero > zeros", kPredict, "disk_limit = \"20MiB\"\n", "training.disk_limit"},
      {"ignores_term", "trap '' TERM HUP INT; while :; do sleep 1; done", kPredict, "timeout = \"1s\"\n",
       "longer than "},
      {"eats_memory", "/usr/bin/python3 -c 'x = [bytearray(1 << 24) for i in range(10000)]'", kPredict,
       "memory_limit = \"600MiB\"\n", "emory"},
      {"forks", "for i in $(seq 200); do sleep 1000 & done; wait", kPredict, "max_processes = 20\n", "20"},
      {"closes_its_output", "exec >&- 2>&-; exit 3", kPredict, "", "ended with exit code 3; it printed nothing"},
      {"does_nothing", "exit 0", kPredict, "", "left no folder model/"},
      {"links_to_etc", "mkdir model; ln -s /etc model/etc", kPredict, "", "left model/etc, which is a symbolic link"},
      {"names_with_line_breaks", "mkdir model; echo x > 'model/a\nb'", kPredict, "",
       "left model/a?b, whose name cannot be kept"},
      {"ends_by_a_signal", "kill -SEGV $$", kPredict, "", "was ended by signal 11"},
      {"needs_a_variable", "echo \"${DATA_TOKEN:?is needed}\"; " + kTrain, kPredict, "", "DATA_TOKEN: is needed"},
      {"lacks_a_variable", kTrain, kPredict, "pass_environment = [\"ZOO_NOT_SET\"]\n",
       "ZOO_NOT_SET of training.pass_environment is not set"},
      {"predicts_nothing", kTrain, "exit 0", "", "left no predictions.csv"},
      {"predicts_too_few", kTrain, "{ echo prediction; echo 0.5; } > predictions.csv", "",
       "predictions.csv has 1 rows, and there were "},
      {"predicts_nan", kTrain, predict_all("nan"), "", "row 1 of predictions.csv says \"nan\", which is not finite"},
      {"predicts_too_much", kTrain, predict_all("1.2"), "", "says \"1.2\", and a probability is between 0 and 1"},
  };
}

// Processes that have the mark in their environment, as every program of the zoo has, and whatever it starts.
std::vector<std::string> still_running() {
  std::vector<std::string> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    if (entry.path().filename().string().find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "environ", std::ios::binary);
    const std::string environment{std::istreambuf_iterator<char>(in), {}};
    if (environment.find(kMark) != std::string::npos) out.push_back(entry.path().string());
  }
  return out;
}

std::string script(const World& world, const std::string& name, const std::string& body) {
  const fs::path file = world.folder() / name;
  std::ofstream(file) << "#!/bin/sh\n" << body << "\n";
  fs::permissions(file, fs::perms::owner_all);
  return file.string();
}

TEST(Zoo, GivesClearFailedRunsAndLeavesNothingBehind) {
  World world;
  world.make_events();
  world.add_events(0, 1500, 0);
  const std::string mark(kMark);
  const auto equals = mark.find('=');
  const auto keys = [&](const std::string& train, const std::string& predict, const std::string& more) {
    return fmt::format(
        "trainer = \"command\"\ntrain = [\"{}\"]\npredict = [\"{}\"]\nenvironment = {{ {} = \"{}\" }}\n{}", train,
        predict, mark.substr(0, equals), mark.substr(equals + 1), more);
  };
  std::string models;
  for (const Beast& beast : beasts()) {
    const std::string train = script(world, beast.name + "-train.sh", beast.train);
    const std::string predict = script(world, beast.name + "-predict.sh", beast.predict);
    models += World::events_model(beast.name, keys(train, predict, beast.keys));
  }
  const fs::path example = fs::path(RETRAIND_SOURCE_DIR) / "docs" / "examples" / "trainer_python";
  models += World::events_model("behaves", keys(example / "train.py", example / "predict.py", ""));
  DaemonProcess& daemon = world.start(world.configure(models, "max_parallel_runs = 2\n"));

  ASSERT_TRUE(world.comes_true(
      fmt::format("SELECT count(*) = {} FROM retraind.run_history WHERE finished_at IS NOT NULL", beasts().size() + 1),
      std::chrono::seconds(240)));
  for (const Beast& beast : beasts()) {
    const std::string where = " FROM retraind.run_history WHERE model = '" + beast.name + "'";
    EXPECT_EQ(world.registry.text("SELECT state" + where), "failed") << beast.name;
    const std::string reason = world.registry.text("SELECT reason" + where);
    EXPECT_NE(reason.find(beast.reason), std::string::npos) << beast.name << ": " << reason;
  }
  EXPECT_EQ(world.registry.text("SELECT state FROM retraind.run_history WHERE model = 'behaves'"), "promoted")
      << world.registry.text("SELECT reason FROM retraind.run_history WHERE model = 'behaves'");
  EXPECT_EQ(world.registry.text("SELECT split_part(trainer, ' ', 1) FROM retraind.version_history"), "command");

  EXPECT_EQ(still_running(), std::vector<std::string>());
  for (const auto& entry : fs::recursive_directory_iterator(world.state_dir())) {
    EXPECT_EQ(entry.path().filename().string().find("command-"), std::string::npos) << entry.path();
  }
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

}  // namespace
}  // namespace retraind::testing
