// A disk that fails at the nth call, below the state folder where workers write, and below the folder that is served
// from: the daemon lives, no artifact that is not whole is promoted or served, and it recovers without a restart. And a
// power cut at any of these calls, which takes everything along that was not forced to the disk.
//
// Incident of another system that this answers: a full disk left a truncated file under its checksum's name, and the
// next run called it "same checksum" (pgBackRest 672).

#include <fmt/format.h>
#include <signal.h>

#include <fstream>
#include <iterator>

#include <boost/json.hpp>

#include "core/base/sha256.h"
#include "tests/faults/trials/loop_scene.h"

namespace retraind::testing {
namespace {

struct Spoiled {
  const char* call;
  int nth;
  const char* fault;
};

class Disk : public LoopScene {
 protected:
  std::vector<std::string> bad_disk(const Spoiled& what, const std::filesystem::path& folder) const {
    std::ofstream(token()) << "";
    const char* asan = std::getenv("ASAN_OPTIONS");
    return {std::string("LD_PRELOAD=") + RETRAIND_BAD_DISK_LIBRARY,
            fmt::format("ASAN_OPTIONS={}:verify_asan_link_order=0", asan == nullptr ? "" : asan),
            fmt::format("RETRAIND_BAD_DISK={}|{}|{}|{}|{}", what.call, what.nth, what.fault, folder.string(),
                        token().string())};
  }
  std::filesystem::path token() const { return world.folder() / "token"; }
  bool happened() const { return !std::filesystem::exists(token()); }

  // What serving processes see: `current` names a folder in which every file has the sha256 that release.json says.
  std::string what_is_wrong_with_current() const {
    const std::filesystem::path current = world.folder() / "serving" / "current";
    if (!std::filesystem::exists(std::filesystem::symlink_status(current))) return "";
    const auto read = [](const std::filesystem::path& path) {
      std::ifstream in(path, std::ios::binary);
      return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    try {
      const auto release = boost::json::parse(read(current / "release.json")).as_object();
      for (const auto& [name, sha256] : release.at("files").as_object()) {
        if (to_hex(retraind::sha256(read(current / std::string(name)))) != std::string(sha256.as_string())) {
          return fmt::format("{} of {} holds other bytes", std::string(name),
                             std::filesystem::read_symlink(current).string());
        }
      }
    } catch (const std::exception& error) {
      return fmt::format("{} is not whole: {}", std::filesystem::read_symlink(current).string(), error.what());
    }
    return "";
  }

  // One trial: a promotion on a disk that fails once. The daemon goes on, or after a power cut, or a failure while it
  // starts, the next one does.
  void trial(const Spoiled& what, const std::filesystem::path& folder, Figure& figure) {
    const std::string said =
        fmt::format("{} {} {} below {}", what.fault, what.call, what.nth, folder.filename().string());
    SCOPED_TRACE(said);
    ask_for_a_promotion();
    daemon = &world.start(config, bad_disk(what, folder));
    const bool power = std::string_view(what.fault) == "power";
    if (!time_until([&] { return happened() || daemon->ended().has_value(); }, std::chrono::seconds(20))) {
      // So many calls are not made: the trial has nothing to say.
      std::filesystem::remove(token());
    } else {
      figure.count();
    }
    EXPECT_EQ(what_is_wrong_with_current(), "");
    if (power && time_until([&] { return daemon->ended().has_value(); }, std::chrono::seconds(3))) {
      daemon = &world.start(config);
    }
    if (!power &&
        !time_until([&] { return daemon->log().find("ready: ") != std::string::npos; }, std::chrono::seconds(20))) {
      // A daemon that cannot make its own folder does not start: whoever starts it is told.
      EXPECT_EQ(daemon->wait(), 1);
      EXPECT_NE(daemon->log().find("daemon.state_dir cannot be used: "), std::string::npos) << daemon->log();
      daemon = &world.start(config);
    }
    if (!power) {
      EXPECT_FALSE(daemon->ended()) << daemon->log();
    }
    ASSERT_TRUE(comes_to_rest());
    const std::string broken = what_is_broken(world, {daemon->pid()}, {.settled = true});
    if (!broken.empty()) figure.fail();
    EXPECT_EQ(broken, "");
    EXPECT_EQ(what_is_wrong_with_current(), "");
    EXPECT_EQ(what_was_not_told(), "");
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait(), 0);
    world.forget_daemons();
  }

  void trials_below(const std::filesystem::path& folder, const std::vector<Spoiled>& spoiled, int count,
                    const std::string& name) {
    Figure figure(name);
    for (int i = 0; i < count; ++i) {
      trial(spoiled[static_cast<std::size_t>(i) % spoiled.size()], folder, figure);
      if (HasFatalFailure()) return;
    }
  }
};

std::vector<Spoiled> spoil(std::initializer_list<const char*> faults, Random& random) {
  std::vector<Spoiled> out;
  for (const char* call : {"fsync", "rename", "write", "open"}) {
    for (const char* fault : faults) {
      if (std::string_view(fault) == "short" && std::string_view(call) != "write") continue;
      out.push_back({call, 1 + static_cast<int>(random.below(4)), fault});
    }
  }
  return out;
}

TEST_F(Disk, ThatFailsBelowTheStateFolderSpoilsAnAttemptAndNoMore) {
  Random random = random_of("the state folder's disk");
  const auto spoiled = spoil({"ENOSPC", "EIO", "short"}, random);
  trials_below(world.state_dir(), spoiled, trials(3, 100), "a disk that fails below the state folder");
}

TEST_F(Disk, ThatFailsBelowTheServedFolderDelaysItsDelivery) {
  Random random = random_of("the served folder's disk");
  const auto spoiled = spoil({"ENOSPC", "EIO", "short"}, random);
  trials_below(world.folder() / "serving", spoiled, trials(3, 100), "a disk that fails below the served folder");
}

TEST_F(Disk, ThatLosesItsPowerKeepsWhatIsServedWhole) {
  Random random = random_of("power cuts");
  const auto spoiled = spoil({"power"}, random);
  trials_below(world.folder() / "serving", spoiled, trials(2, 100), "power cuts below the served folder");
}

}  // namespace
}  // namespace retraind::testing
