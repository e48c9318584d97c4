// What a program finds when it starts, and how its end is told.

#include <fcntl.h>
#include <sys/resource.h>

#include <system_error>

#include "core/base/error.h"
#include "tests/unit/cage/zoo.h"

namespace retraind::cage {
namespace {

class CageStart : public Zoo {};
INSTANTIATE_TEST_SUITE_P(Means, CageStart, testing::ValuesIn(kAllMeans), name_of);

TEST_P(CageStart, TellsTheExitCode) {
  const CageEnd end = run_caged(shell("exit 3"));
  EXPECT_EQ(end.code, 3);
  EXPECT_EQ(end.signal, std::nullopt);
  EXPECT_EQ(end.stop, CageStop::none);
  EXPECT_EQ(end.sentence(), "ended with exit code 3");
  expect_nothing_left();
}

TEST_P(CageStart, TellsTheSignal) {
  const CageEnd end = run_caged(shell("kill -SEGV $$"));
  EXPECT_EQ(end.code, std::nullopt);
  EXPECT_EQ(end.signal, SIGSEGV);
  EXPECT_EQ(end.sentence(), "was ended by signal 11 (Segmentation fault)");
  const CageEnd killed = run_caged(python("import os; os.kill(os.getpid(), 9)"));
  EXPECT_EQ(killed.signal, SIGKILL);
  EXPECT_EQ(killed.stop, CageStop::none);
}

TEST_P(CageStart, UsesWhatTheSystemOffers) {
  const CageEnd end = run_caged(shell(":"));
  if (!GetParam().namespaces) {
    EXPECT_FALSE(end.in_namespace);
  }
  if (!GetParam().cgroups) {
    EXPECT_FALSE(end.in_cgroup);
  }
  if (::geteuid() == 0 && GetParam().namespaces) {
    EXPECT_TRUE(end.in_namespace);
  }
}

TEST_P(CageStart, TakesWordsAsTheyAreWithoutAShell) {
  const std::string program =
      folder().program("words", "#!/bin/sh\nfor word in \"$@\"; do printf '[%s]\\n' \"$word\"; done\n");
  const CageEnd end = run_caged(spec({program, "$HOME", "a  b", "", "; exit 9", "*", "'\"\\"}));
  EXPECT_EQ(end.code, 0);
  EXPECT_EQ(end.log, "[$HOME]\n[a  b]\n[]\n[; exit 9]\n[*]\n['\"\\]\n");
}

TEST_P(CageStart, GivesTheEnvironmentItIsGivenAndNothingElse) {
  ::setenv("PGPASSWORD", "secret", 1);
  CageSpec given = spec({"/usr/bin/env"});
  given.environment = {{"RETRAIND_SEED", "7"}, {"EMPTY", ""}};
  EXPECT_EQ(run_caged(given).log, "EMPTY=\nRETRAIND_SEED=7\n");
  given.environment.clear();
  EXPECT_EQ(run_caged(given).log, "");
  ::unsetenv("PGPASSWORD");
}

TEST_P(CageStart, HandsOverNoDescriptorsButTheFirstThree) {
  const int open = ::open("/", O_RDONLY);  // deliberately without O_CLOEXEC
  const int high = ::fcntl(open, F_DUPFD, 300);
  const CageEnd end =
      run_caged(python("import os\n"
                       "found = []\n"
                       "for fd in range(0, 1024):\n"
                       "    try: os.fstat(fd); found.append(fd)\n"
                       "    except OSError: pass\n"
                       "print(found, os.read(0, 1), os.path.realpath('/proc/self/fd/0'))"));
  EXPECT_EQ(end.log, "[0, 1, 2] b'' /dev/null\n");
  ::close(high);
  ::close(open);
}

TEST_P(CageStart, LeadsASessionAndRunsInItsFolder) {
  const CageEnd end = run_caged(python(
      "import os, signal\n"
      "print(os.getsid(0) == os.getpid() == os.getpgid(0), os.getcwd())\n"
      "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)"));
  EXPECT_EQ(end.log, "True " + std::filesystem::canonical(folder().path()).string() + "\nset() True\n");
}

TEST_P(CageStart, StartsWithDefaultSignalsWhateverTheCallerIgnores) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const CageEnd end = run_caged(shell("grep SigIgn /proc/self/status"));
  EXPECT_EQ(end.log, "SigIgn:\t0000000000000000\n");
  ::signal(SIGPIPE, before);
}

TEST_P(CageStart, BoundsResourcesInTheProgramOnly) {
  rlimit before{};
  ::getrlimit(RLIMIT_AS, &before);
  CageSpec given = python(
      "import resource as r\n"
      "print(*[r.getrlimit(l)[1] for l in (r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_CORE)])\n"
      "print(open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0])");
  given.memory_bytes = std::uint64_t{512} << 20;
  given.disk_bytes = std::uint64_t{64} << 20;
  EXPECT_EQ(run_caged(given).log, "536870912 67108864 0\n1\n");
  rlimit after{};
  ::getrlimit(RLIMIT_AS, &after);
  EXPECT_EQ(before.rlim_cur, after.rlim_cur);
}

TEST_P(CageStart, FindsItselfInProc) {
  const CageEnd end =
      run_caged(python("import os; print(os.readlink('/proc/self') == str(os.getpid()), "
                       "open(f'/proc/{os.getpid()}/cmdline').read().split('\\0')[-2])"));
  EXPECT_EQ(end.log, "True " + marker() + "\n");
}

TEST_P(CageStart, RefusesWhatCannotBeStarted) {
  const auto message = [&](const std::vector<std::string>& argv) {
    try {
      run_caged(spec(argv));
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
    return std::string("it was started");
  };
  const std::string missing = (folder().path() / "missing").string();
  EXPECT_EQ(message({missing}), "the command " + missing +
                                    " cannot be started: No such file or directory (install it on this machine, or "
                                    "correct its path)");
  EXPECT_EQ(message({"train.py"}),
            "the command train.py cannot be started: it is no absolute path (name the program by its whole path; no "
            "PATH is searched, and no shell is involved)");
  const std::string plain = folder().program("plain", "print(1)\n");
  EXPECT_NE(message({plain}).find("Exec format error (a script needs a first line"), std::string::npos);
  std::filesystem::permissions(plain, std::filesystem::perms(0644));
  EXPECT_NE(message({plain}).find("Permission denied (it must be a file"), std::string::npos);
  EXPECT_NE(message({folder().path().string()}).find("Permission denied"), std::string::npos);
  const std::string lost = folder().program("lost", "#!/nowhere/python3\n");
  EXPECT_NE(message({lost}).find("the interpreter that its first line names is not there"), std::string::npos);
  EXPECT_NE(message({"/bin/sh", std::string("a\0b", 3)}).find("holds a NUL"), std::string::npos);
  EXPECT_THROW(run_caged(spec({})), std::logic_error);
  expect_nothing_left();
}

TEST_P(CageStart, SaysThatItsFolderIsGone) {
  CageSpec given = shell(":");
  given.folder = folder().path() / "gone";
  try {
    run_caged(given);
    FAIL() << "it was started";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), ENOENT);
    EXPECT_NE(std::string(error.what()).find("cannot enter the folder " + given.folder.string()), std::string::npos);
  }
  expect_nothing_left();
}

TEST_P(CageStart, GoesOnWhenItsFolderIsRemovedUnderIt) {
  const std::filesystem::path work = folder().path() / "work";
  std::filesystem::create_directory(work);
  CageSpec given = shell("rmdir \"$PWD\" && echo removed && exit 4");
  given.folder = work;
  const CageEnd end = run_caged(given);
  EXPECT_EQ(end.code, 4);
  EXPECT_EQ(end.log, "removed\n");
}

}  // namespace
}  // namespace retraind::cage
