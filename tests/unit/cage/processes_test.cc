// What is known of processes that come and go while they are looked at.
#include "core/cage/processes.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace retraind::cage {
namespace {

constexpr std::uint64_t kSeenBefore = std::uint64_t{1} << 40;

TEST(ProportionalMemory, OfALivingProcessIsWhatTheKernelSays) {
  const std::uint64_t bytes = proportional_bytes({.pid = ::getpid(), .resident_bytes = kSeenBefore});
  EXPECT_GT(bytes, 0U);
  EXPECT_LT(bytes, kSeenBefore);
}

// Six that ended between two looks at a trainer were counted with all that they had shared with it, and it was killed
// for memory that it never had.
TEST(ProportionalMemory, OfAProcessThatHasEndedIsNothing) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(proportional_bytes({.pid = child, .resident_bytes = kSeenBefore}), 0U) << "it is not reaped yet";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(proportional_bytes({.pid = child, .resident_bytes = kSeenBefore}), 0U) << "it is gone";
}

}  // namespace
}  // namespace retraind::cage
