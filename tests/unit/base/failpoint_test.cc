// Points where a test kills the process: each arming is tried in a process of its own.
#include "core/base/failpoint.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace retraind {
namespace {

// Passes "save=a", "save=b", "save=a" under the arming; the exit code, or 128 + the signal that ended or stopped it.
int pass_three(const std::string& arming) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setenv("RETRAIND_FAILPOINT", arming.c_str(), 1);
    failpoint("save", "a");
    failpoint("save", "b");
    failpoint("save", "a");
    ::_exit(7);
  }
  int status = 0;
  ::waitpid(pid, &status, WUNTRACED);
  if (WIFSTOPPED(status)) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return 128 + WSTOPSIG(status);
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

#ifdef RETRAIND_FAILPOINTS

TEST(Failpoint, KillsOrPausesAtTheNthPassingOfItsName) {
  EXPECT_EQ(pass_three(""), 7);
  EXPECT_EQ(pass_three("load|kill|1|"), 7);
  EXPECT_EQ(pass_three("save|kill|3|"), 128 + SIGKILL);
  EXPECT_EQ(pass_three("save|kill|4|"), 7);
  EXPECT_EQ(pass_three("save|pause|1|"), 128 + SIGSTOP);
}

TEST(Failpoint, IsNarrowedToWhatItIsOf) {
  EXPECT_EQ(pass_three("save=b|kill|1|"), 128 + SIGKILL);
  EXPECT_EQ(pass_three("save=b|kill|2|"), 7);
  EXPECT_EQ(pass_three("save=c|kill|1|"), 7);
}

TEST(Failpoint, ActsOnceForAllProcessesWhereThereIsAToken) {
  char token[] = "/tmp/retraind-token-XXXXXX";
  ASSERT_GE(::mkstemp(token), 0);
  const std::string arming = std::string("save|kill|1|") + token;
  EXPECT_EQ(pass_three(arming), 128 + SIGKILL);
  EXPECT_EQ(pass_three(arming), 7);
}

#else

TEST(Failpoint, IsEmptyInBuildsWithoutThem) {
  EXPECT_EQ(pass_three("save|kill|1|"), 7);
}

#endif

}  // namespace
}  // namespace retraind
