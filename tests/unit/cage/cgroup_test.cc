#include "core/cage/cgroup.h"

#include "tests/unit/cage/zoo.h"

namespace retraind::cage {
namespace {

TEST(OwnCgroup, IsFoundBelowItsMount) {
  const std::string unified =
      "23 1 0:21 / /proc rw - proc proc rw\n"
      "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
  EXPECT_EQ(own_cgroup_folder("0::/system.slice/retraind.service\n", unified),
            "/sys/fs/cgroup/system.slice/retraind.service");
  EXPECT_EQ(own_cgroup_folder("0::/\n", unified), "/sys/fs/cgroup");
  const std::string hybrid =
      "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
      "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(own_cgroup_folder("4:memory:/a\n1:name=systemd:/b\n0::/c\n", hybrid), "/sys/fs/cgroup/unified/c");
}

TEST(OwnCgroup, IsNotFoundWhereItsMountDoesNotShowIt) {
  const std::string bound = "31 23 0:28 /machine/a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(own_cgroup_folder("0::/machine/a/b\n", bound), "/sys/fs/cgroup/b");
  EXPECT_EQ(own_cgroup_folder("0::/machine/a\n", bound), "/sys/fs/cgroup");
  EXPECT_EQ(own_cgroup_folder("0::/machine/ab\n", bound), "");
  EXPECT_EQ(own_cgroup_folder("4:memory:/a\n", bound), "");
  EXPECT_EQ(own_cgroup_folder("0::/a\n", "36 31 0:33 / /m rw - cgroup cgroup rw,memory\n"), "");
  EXPECT_EQ(own_cgroup_folder("", ""), "");
}

TEST(CGroup, IsRemovedWithWhatIsInIt) {
  std::unique_ptr<CGroup> group = CGroup::make(std::uint64_t{1} << 30, 100);
  if (!group) GTEST_SKIP() << "no control group is delegated here";
  const std::filesystem::path folder = group->folder();
  EXPECT_TRUE(std::filesystem::is_directory(folder));
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl("/bin/sleep", "sleep", "1000", nullptr);
    ::_exit(1);
  }
  EXPECT_TRUE(group->add(pid));
  EXPECT_NE(text_of(folder / "cgroup.procs").find(std::to_string(pid)), std::string::npos);
  group.reset();
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace retraind::cage
