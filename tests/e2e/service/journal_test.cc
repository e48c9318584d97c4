// What the journal gets, in a mount namespace of its own with a socket where systemd-journald has its own.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/e2e/service/service_manager.h"
#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

// For this thread and what it starts from now on.
bool hide_run_folder() {
  return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == 0;
}

// With the field's name from a message in the journal's own protocol, where a value holds no line break.
std::string find_message(const DatagramSocket& journal, const std::string& event) {
  for (const std::string& message : journal.messages()) {
    if (DatagramSocket::value_of(message, "RETRAIND_EVENT") == event) return message;
  }
  return "";
}

TEST(Journal, GetsEachEventWithItsFieldsAndStandardErrorGetsNothing) {
  World world;  // its cluster runs before /run is hidden
  world.make_events();
  world.add_events(0, 2000, 0);
  if (::geteuid() != 0 || !hide_run_folder()) GTEST_SKIP() << "a mount namespace of its own takes root";
  std::filesystem::create_directories("/run/systemd/journal");
  DatagramSocket journal("/run/systemd/journal/socket");
  const auto config = world.configure(World::events_model("m"));
  const auto log = world.next_log();
  std::ofstream(log).flush();
  struct stat about {};
  ASSERT_EQ(::stat(log.c_str(), &about), 0);
  // As systemd says that standard error is connected to the journal.
  DaemonProcess& daemon = world.start(config, {fmt::format("JOURNAL_STREAM={}:{}", about.st_dev, about.st_ino)});
  ASSERT_TRUE(world.comes_true([&] { return !find_message(journal, "promoted").empty(); }, "a promotion is told"));
  const std::string message = find_message(journal, "promoted");
  EXPECT_TRUE(DatagramSocket::value_of(message, "MESSAGE").starts_with("run 1 promoted version 1: ")) << message;
  EXPECT_EQ(DatagramSocket::value_of(message, "PRIORITY"), "6");
  EXPECT_EQ(DatagramSocket::value_of(message, "SYSLOG_IDENTIFIER"), "retraind");
  EXPECT_EQ(DatagramSocket::value_of(message, "RETRAIND_MODEL"), "m");
  EXPECT_EQ(DatagramSocket::value_of(message, "RETRAIND_RUN"), "1");
  EXPECT_EQ(DatagramSocket::value_of(message, "RETRAIND_TRIGGER"), "pipeline_change");
  EXPECT_EQ(DatagramSocket::value_of(message, "MESSAGE_ID").size(), 32u);
  EXPECT_EQ(DatagramSocket::value_of(message, "CODE_LINE"), "");

  // Reloaded to JSON, lines go to standard error again.
  std::ofstream(config, std::ios::app) << "[log]\nformat = \"json\"\n";
  EXPECT_EQ(daemon.log(), "");
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return daemon.log().find("\"event\":\"reloaded\"") != std::string::npos; },
                               "the reload is told as JSON"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

TEST(Journal, ThatIsNotThereIsSaidOnStandardError) {
  World world;
  if (::geteuid() != 0 || !hide_run_folder()) GTEST_SKIP() << "a mount namespace of its own takes root";
  const auto config = world.configure("[log]\nformat = \"journal\"\n");
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true([&] { return daemon.log().find(" ready: ") != std::string::npos; }, "it works as text"));
  EXPECT_NE(daemon.log().find("event=journal_unavailable"), std::string::npos) << daemon.log();
}

}  // namespace
}  // namespace retraind::testing
