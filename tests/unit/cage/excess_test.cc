// Programs that take too much of something.

#include <chrono>

#include "core/cage/limits.h"
#include "tests/unit/cage/zoo.h"

namespace retraind::cage {
namespace {

class CageExcess : public Zoo {};
INSTANTIATE_TEST_SUITE_P(Means, CageExcess, testing::ValuesIn(kAllMeans), name_of);

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

TEST_P(CageExcess, TimeEndsWithATermThatCanBeHeeded) {
  CageSpec given = python(
      "import signal, sys, time\n"
      "def hear(number, frame): print('heard'); sys.exit(5)\n"
      "signal.signal(signal.SIGTERM, hear)\n"
      "print('waiting', flush=True)\n"
      "while True: time.sleep(1)");
  given.grace = std::chrono::seconds(60);
  given.timeout = std::chrono::milliseconds(700);
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::timeout);
  EXPECT_FALSE(end.killed);
  EXPECT_EQ(end.code, 5);
  EXPECT_EQ(end.log, "waiting\nheard\n");
  EXPECT_TRUE(end.sentence().starts_with("was stopped: it ran longer than 700ms")) << end.sentence();
  EXPECT_GE(end.took, given.timeout);
  expect_nothing_left();
}

TEST_P(CageExcess, TimeKillsWhoIgnoresTerm) {
  CageSpec given = shell("trap '' TERM; (setsid sleep 1000 &) ; while :; do sleep 0.05; done");
  given.timeout = std::chrono::milliseconds(300);
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::timeout);
  EXPECT_TRUE(end.killed);
  EXPECT_EQ(end.signal, SIGKILL);
  EXPECT_EQ(end.sentence(), "was stopped: it ran longer than 300ms, and did not end when it was asked to (SIGTERM)");
  EXPECT_GE(end.took, given.timeout + given.grace);
  expect_nothing_left();
}

TEST_P(CageExcess, TimeReachesAProgramThatStandsStill) {
  CageSpec given = shell("kill -STOP $$; exit 0");
  given.timeout = std::chrono::milliseconds(300);
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::timeout);
  EXPECT_EQ(end.signal, SIGTERM);
  expect_nothing_left();
}

TEST_P(CageExcess, MemoryOfOneProcessIsRefusedByTheKernel) {
  CageSpec given = python(
      "try:\n"
      "    block = bytearray(400 << 20)\n"
      "    print('got it')\n"
      "except MemoryError:\n"
      "    print('refused'); raise SystemExit(7)");
  given.memory_bytes = 200 * kMiB;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.code, 7);
  EXPECT_EQ(end.log, "refused\n");
}

TEST_P(CageExcess, MemorySpreadOverSeveralProcessesIsSeen) {
  CageSpec given = python(
      "import os, time\n"
      "for i in range(6):\n"
      "    if os.fork() == 0:\n"
      "        block = bytearray(os.urandom(1 << 20)) * 60\n"
      "        while True: time.sleep(1)\n"
      "while True: time.sleep(1)");
  given.memory_bytes = 200 * kMiB;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::memory);
  EXPECT_FALSE(end.killed);
  EXPECT_GT(end.peak_memory_bytes, given.memory_bytes);
  EXPECT_NE(end.sentence().find("processes, more than 200 MiB"), std::string::npos) << end.sentence();
  expect_nothing_left();
}

TEST_P(CageExcess, MemoryThatProcessesShareCountsOnce) {
  CageSpec given = python(
      "import os, time\n"
      "block = bytearray(os.urandom(1 << 20)) * 60\n"
      "children = []\n"
      "for i in range(6):\n"
      "    pid = os.fork()\n"
      "    if pid == 0:\n"
      "        time.sleep(1.5); os._exit(0)\n"
      "    children.append(pid)\n"
      "for pid in children: os.waitpid(pid, 0)\n"
      "print('done')");
  given.memory_bytes = 200 * kMiB;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.log, "done\n") << end.sentence();
  EXPECT_GT(end.peak_memory_bytes, 60 * kMiB);
}

TEST_P(CageExcess, OneHugeFileIsRefusedByTheKernel) {
  CageSpec given = shell("exec dd if=/dev/zero of=huge bs=1M count=64");
  given.disk_bytes = 8 * kMiB;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::disk);
  EXPECT_EQ(end.signal, SIGXFSZ);
  EXPECT_EQ(end.sentence(), "was stopped: it wrote a file longer than 8 MiB");
  EXPECT_LE(std::filesystem::file_size(folder().path() / "huge"), given.disk_bytes);
}

TEST_P(CageExcess, ManyFilesAreSeen) {
  CageSpec given = python(
      "import os, time\n"
      "os.makedirs('a/b')\n"
      "for i in range(40):\n"
      "    with open(f'a/b/file {i}\\n', 'wb') as out: out.write(os.urandom(1 << 20))\n"
      "    os.link(f'a/b/file {i}\\n', f'a/again {i}')\n"
      "while True: time.sleep(1)");
  given.disk_bytes = 16 * kMiB;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::disk);
  EXPECT_NE(end.sentence().find("was stopped: its folder grew to "), std::string::npos);
  EXPECT_NE(end.sentence().find(", more than 16 MiB"), std::string::npos) << end.sentence();
  expect_nothing_left();
}

TEST_P(CageExcess, LinksAreNotFollowedAndNamesOfOneFileCountOnce) {
  CageSpec given = python(
      "import os, time\n"
      "os.symlink('/', 'root')\n"
      "with open('file', 'wb') as out: out.write(os.urandom(6 << 20))\n"
      "for i in range(10): os.link('file', f'name{i}')\n"
      "time.sleep(1)\n"
      "print('done')");
  given.disk_bytes = 16 * kMiB;
  EXPECT_EQ(run_caged(given).log, "done\n");
}

// As many as a bomb starts before anybody can look, and no more: what is not caught here must not take the machine.
constexpr const char* kBomb =
    "import os, time\n"
    "for i in range(7):\n"
    "    if os.fork() == 0 and escape: os.setsid()\n"
    "time.sleep(1000)";

TEST_P(CageExcess, ProcessesAreCounted) {
  CageSpec given = python(std::string("escape = False\n") + kBomb);
  given.max_processes = 20;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::processes);
  EXPECT_NE(end.sentence().find("processes were running, more than 20"), std::string::npos) << end.sentence();
  expect_nothing_left();
}

TEST_P(CageExcess, ProcessesThatLeftTheirGroupAreCounted) {
  CageSpec given = python(std::string("escape = True\n") + kBomb);
  given.max_processes = 20;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.stop, CageStop::processes);
  expect_nothing_left();
}

// The kernel keeps what can be started so few that there is time to look and to kill, where it can.
TEST_P(CageExcess, TasksAreBoundedByTheKernelInANamespace) {
  CageSpec given = python(
      "import threading, time\n"
      "started = 0\n"
      "try:\n"
      "    for i in range(1500):\n"
      "        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
      "        started += 1\n"
      "except RuntimeError: pass\n"
      "print(started, flush=True)\n"
      "import os; os._exit(0)");
  given.max_processes = 20;
  given.memory_bytes = std::uint64_t{64} << 30;
  const std::string before = text_of("/proc/sys/kernel/pid_max");
  const CageEnd end = run_caged(given);
  ASSERT_EQ(end.code, 0) << end.log;
  EXPECT_EQ(text_of("/proc/sys/kernel/pid_max"), before) << "the machine's own limit has changed";
  if (!end.in_namespace || !pid_limit_is_of_the_namespace()) GTEST_SKIP() << "not a namespace with a limit of its own";
  EXPECT_LT(std::stoi(end.log), 1500);
}

}  // namespace
}  // namespace retraind::cage
