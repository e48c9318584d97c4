// Programs that try to outlive their end.

#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>

#include "tests/unit/cage/zoo.h"

namespace retraind::cage {
namespace {

class CageEscape : public Zoo {};
INSTANTIATE_TEST_SUITE_P(Means, CageEscape, testing::ValuesIn(kAllMeans), name_of);

// A daemon by the book: forks twice, leads a session of its own, closes everything.
const std::string kDaemon =
    "import os, sys, time, signal\n"
    "def become_daemon():\n"
    "    if os.fork() > 0: return False\n"
    "    os.setsid()\n"
    "    if os.fork() > 0: os._exit(0)\n"
    "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    "    open('there', 'w').write(str(os.getpid()))\n"
    "    for fd in range(3): os.close(fd)\n"
    "    return True\n"
    "def wait():\n"
    "    while not os.path.exists('there'): time.sleep(0.01)\n";

TEST_P(CageEscape, ByTwoForksAndASessionEndsWithTheProgram) {
  const CageEnd end = run_caged(python(kDaemon + "if become_daemon():\n"
                                                 "    while True: time.sleep(1)\n"
                                                 "wait(); print('done')"));
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.log, "done\n");
  EXPECT_EQ(end.left_behind, 1U);
  EXPECT_EQ(end.sentence(), "ended with exit code 0; it left a process behind, which was killed");
  expect_nothing_left();
}

TEST_P(CageEscape, OfATreeEndsWithTheProgram) {
  const CageEnd end =
      run_caged(python(kDaemon + "if become_daemon():\n"
                                 "    for i in range(3):\n"
                                 "        if os.fork() == 0: os.setsid()\n"
                                 "    open(f'node{os.getpid()}', 'w')\n"
                                 "    while True: time.sleep(1)\n"
                                 "wait()\n"
                                 "while sum(n.startswith('node') for n in os.listdir('.')) < 8: time.sleep(0.01)"));
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.left_behind, 8U);
  expect_nothing_left();
}

TEST_P(CageEscape, WithStandardOutputHeldOpenDoesNotKeepUsWaiting) {
  const CageEnd end = run_caged(shell("sleep 1000 & echo started"));
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.log, "started\n");
  EXPECT_EQ(end.left_behind, 1U);
  EXPECT_LT(end.took, std::chrono::seconds(100));
  expect_nothing_left();
}

TEST_P(CageEscape, ByDyingLeavesTheChildrenToUs) {
  const CageEnd end = run_caged(python(kDaemon + "if become_daemon():\n"
                                                 "    while True: time.sleep(1)\n"
                                                 "wait(); os.kill(os.getpid(), signal.SIGSEGV)"));
  EXPECT_EQ(end.signal, SIGSEGV);
  EXPECT_EQ(end.left_behind, 1U);
  expect_nothing_left();
}

TEST_P(CageEscape, BehindAListenerThatThrows) {
  CageSpec given = python(kDaemon +
                          "if become_daemon():\n"
                          "    while True: time.sleep(1)\n"
                          "wait(); print('now', flush=True); time.sleep(1000)");
  given.on_line = [](std::string_view) { throw std::runtime_error("the listener is tired"); };
  EXPECT_THROW(run_caged(given), std::runtime_error);
  expect_nothing_left();
}

// A process that runs a cage, as a worker does, and is killed; `ours` is what its end leaves to this process.
TEST_P(CageEscape, ByTheDeathOfTheCaller) {
  become_subreaper();
  const CageSpec given = python(kDaemon +
                                "if become_daemon():\n"
                                "    while True: time.sleep(1)\n"
                                "wait(); open('ready', 'w'); time.sleep(1000)");
  const pid_t worker = ::fork();
  if (worker == 0) {
    run_caged(given);
    ::_exit(0);
  }
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(folder().path() / "ready"); }));
  ASSERT_GE(processes_with(marker()).size(), 2U);
  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);
  if (GetParam().namespaces && ::geteuid() == 0) {
    EXPECT_TRUE(eventually([&] { return processes_with(marker()).empty(); }));
    kill_strays({});  // the first process of the namespace is ours to reap
  } else {
    // The program itself dies with its caller; who left it comes to us.
    EXPECT_GE(kill_strays({}, Strays::bounded), 1U);
  }
  expect_nothing_left();
  // What the kernel keeps of its group is removed by whoever runs a cage next.
  const CageEnd next = run_caged(shell(":"));
  EXPECT_EQ(next.code, 0);
}

TEST(KillStrays, SparesWhomItKnowsAndWhoIsNotBounded) {
  become_subreaper();
  const auto start = [](bool bounded) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (bounded) {
        const rlimit limit{std::uint64_t{1} << 40, std::uint64_t{1} << 40};
        ::setrlimit(RLIMIT_AS, &limit);
      }
      ::execl("/bin/sleep", "sleep", "1000", nullptr);
      ::_exit(1);
    }
    // Its limit stands once it sleeps.
    EXPECT_TRUE(eventually([&] { return text_of("/proc/" + std::to_string(pid) + "/comm") == "sleep\n"; }));
    return pid;
  };
  const auto lives = [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) == 0; };
  const pid_t known = start(true);
  const pid_t bounded = start(true);
  const pid_t free = start(false);
  EXPECT_EQ(kill_strays({known}, Strays::bounded), 1U);
  EXPECT_TRUE(lives(known));
  EXPECT_TRUE(lives(free));
  EXPECT_FALSE(lives(bounded));
  // One that has ended by itself is reaped, whoever it was.
  ::kill(free, SIGKILL);
  EXPECT_TRUE(
      eventually([&] { return text_of("/proc/" + std::to_string(free) + "/stat").find(") Z ") != std::string::npos; }));
  EXPECT_EQ(kill_strays({known}, Strays::bounded), 0U);
  EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(free)));
  EXPECT_TRUE(lives(known));
  EXPECT_EQ(kill_strays({}), 1U);
  EXPECT_FALSE(std::filesystem::exists("/proc/" + std::to_string(known)));
}

TEST(KillStrays, KillsProcessesThatKeepStartingOthers) {
  become_subreaper();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/usr/bin/python3", "python3", "-c",
            (kFuel + "for i in range(5):\n"
                     "    os.fork()\n"
                     "os.setsid() if os.getpid() != os.getpgid(0) else None\n"
                     "while fuel():\n"
                     "    if os.fork() > 0: os._exit(0)\n"
                     "    time.sleep(0.001)\n"
                     "time.sleep(30)\n")
                .c_str(),
            nullptr);
    ::_exit(1);
  }
  ASSERT_TRUE(eventually([&] { return text_of("/proc/" + std::to_string(pid) + "/comm") == "python3\n"; }));
  EXPECT_GE(kill_strays({}), 1U);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

// As most daemons run: not as root.
TEST_P(CageEscape, IsHeldAsAPlainUserToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "the other tests are this one already";
  CageSpec given =
      python(kDaemon +
             "if become_daemon():\n"
             "    while True: time.sleep(1)\n"
             "wait()\n"
             "try: open(f'/proc/{os.getppid()}/environ').read(); print('read')\n"
             "except OSError: print('hidden')\n"
             "print(os.getuid(), os.getgid(), open('/proc/self/status').read().split('CapEff:')[1].split()[0])");
  const pid_t user = ::fork();
  if (user == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(99);
    hide_from_same_user();
    const CageEnd end = run_caged(given);
    std::ofstream out(folder().path() / "end");
    out << end.in_namespace << " " << end.left_behind << " " << end.log;
    out.close();
    given.argv[2] = kFuel + "while fuel():\n    try: os.fork()\n    except OSError: time.sleep(0.1)\ntime.sleep(30)\n";
    given.max_processes = 20;
    const CageEnd bomb = run_caged(given);
    ::_exit(bomb.stop == CageStop::processes ? 0 : 1);
  }
  int status = 0;
  ::waitpid(user, &status, 0);
  EXPECT_EQ(status, 0);
  const std::string said = text_of(folder().path() / "end");
  EXPECT_EQ(said.substr(1), " 1 hidden\n65534 65534 0000000000000000\n") << said;
  if (!GetParam().namespaces) {
    EXPECT_EQ(said[0], '0');
  }
  expect_nothing_left();
}

}  // namespace
}  // namespace retraind::cage
