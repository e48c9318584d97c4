#include "daemon/progress.h"

#include <gtest/gtest.h>

namespace retraind::daemon {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

const steady_clock::time_point kNow{seconds(100'000)};

Mark mark(const char* who, seconds ago, std::optional<Duration> allowed) {
  return {.who = who, .doing = "working", .since = kNow - ago, .allowed = allowed};
}

TEST(Progress, IsMadeByAllWhoseTimeIsNotOver) {
  EXPECT_FALSE(find_stuck({}, kNow));
  EXPECT_FALSE(find_stuck({mark("a", seconds(89), seconds(90)), mark("b", seconds(0), seconds(1))}, kNow));
  // To the last moment.
  EXPECT_FALSE(find_stuck({mark("a", seconds(90), seconds(90))}, kNow));
}

TEST(Progress, IsNotMadeByOneWhoseTimeIsOver) {
  const auto stuck = find_stuck({mark("a", seconds(1), seconds(90)), mark("b", seconds(91), seconds(90))}, kNow);
  ASSERT_TRUE(stuck);
  EXPECT_EQ(stuck->who, "b");
  EXPECT_EQ(kNow - stuck->since, seconds(91));
}

TEST(Progress, BlamesTheOneThatIsFurthestBeyondItsTime) {
  const auto stuck = find_stuck({mark("long", seconds(5000), seconds(4999)), mark("short", seconds(100), seconds(10)),
                                 mark("a", seconds(20), seconds(15))},
                                kNow);
  ASSERT_TRUE(stuck);
  EXPECT_EQ(stuck->who, "short");
}

TEST(Progress, WaitsForWhatMayTakeAsLongAsItTakes) {
  EXPECT_FALSE(find_stuck({mark("a", seconds(90'000), std::nullopt)}, kNow));
}

TEST(Progress, RemembersTheNewestMarkOfEachActivityUntilItsEnd) {
  Progress progress;
  {
    Progress::Activity one(progress, "one");
    Progress::Activity two(progress, "two");
    one.mark("claiming", seconds(90));
    one.mark("waiting", std::nullopt);
    const auto marks = progress.marks();
    ASSERT_EQ(marks.size(), 2u);
    EXPECT_EQ(marks[0].who, "one");
    EXPECT_EQ(marks[0].doing, "waiting");
    EXPECT_FALSE(marks[0].allowed);
    EXPECT_EQ(marks[1].doing, "beginning");
    EXPECT_LE(marks[1].since, steady_clock::now());
  }
  EXPECT_TRUE(progress.marks().empty());
}

}  // namespace
}  // namespace retraind::daemon
