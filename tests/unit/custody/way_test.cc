// Who could change a file, on facts made up and on real files.
#include "core/custody/way.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "tests/unit/custody/tree.h"

namespace retraind::custody {
namespace {

using testing::Tree;

constexpr std::array<std::uint32_t, 1> kRoot = {0};

Way way_of(std::vector<Station> stations) {
  stations.insert(stations.begin(), {"/", Kind::folder, 0, 0755});
  return {std::move(stations), ""};
}

TEST(Way, IsTrustedWhenNobodyElseOwnsOrWritesAnyPartOfIt) {
  EXPECT_EQ(find_stranger(way_of({{"/opt", Kind::folder, 0, 0755}, {"/opt/x", Kind::file, 0, 0755}}), kRoot),
            std::nullopt);
  // A link's own permissions say nothing.
  EXPECT_EQ(find_stranger(way_of({{"/l", Kind::link, 0, 0777}, {"/opt", Kind::folder, 0, 0755}}), kRoot), std::nullopt);
}

TEST(Way, NamesThePartThatSomebodyElseCouldChange) {
  EXPECT_EQ(find_stranger(way_of({{"/home", Kind::folder, 0, 0755}, {"/home/bob", Kind::folder, 1000, 0700}}), kRoot),
            "/home/bob belongs to user 1000");
  EXPECT_EQ(find_stranger(way_of({{"/opt", Kind::folder, 0, 0775}, {"/opt/x", Kind::file, 0, 0755}}), kRoot),
            "/opt may be written by others (its mode is 0775)");
  EXPECT_EQ(find_stranger(way_of({{"/opt", Kind::folder, 0, 0755}, {"/opt/x", Kind::file, 0, 0757}}), kRoot),
            "/opt/x may be written by others (its mode is 0757)");
  EXPECT_EQ(find_stranger(way_of({{"/l", Kind::link, 1000, 0777}}), kRoot), "/l belongs to user 1000");
  EXPECT_EQ(find_stranger(way_of({{"/x", Kind::file, 1000, 0755}}), std::array<std::uint32_t, 2>{0, 1000}),
            std::nullopt);
}

TEST(Way, LetsAStickyFolderPassWhereWhatStandsInItDoes) {
  const Station tmp = {"/tmp", Kind::folder, 0, 01777};
  EXPECT_EQ(find_stranger(way_of({tmp, {"/tmp/x", Kind::file, 0, 0755}}), kRoot), std::nullopt);
  EXPECT_EQ(find_stranger(way_of({tmp, {"/tmp/x", Kind::file, 33, 0755}}), kRoot), "/tmp/x belongs to user 33");
  // Nothing there yet: anybody could make it.
  Way missing = way_of({tmp});
  missing.problem = "/tmp/x: No such file or directory";
  EXPECT_EQ(find_stranger(missing, kRoot), "/tmp may be written by others (its mode is 1777)");
}

TEST(Way, GoesThroughEveryFolderAndLinkOfARealPath) {
  const Tree tree;
  tree.file("real/bin/x", 0755);
  std::filesystem::create_directory_symlink("real", tree.path("link"));
  std::filesystem::create_symlink("bin/../bin/x", tree.path("real/again"));
  const Way way = walk(tree.path("link") / "again");
  ASSERT_NE(way.goal(), nullptr) << way.problem;
  EXPECT_EQ(way.goal()->kind, Kind::file);
  std::vector<std::string> passed;
  for (const Station& station : way.stations) passed.push_back(station.path.string());
  const auto has = [&](const std::filesystem::path& path) {
    return std::find(passed.begin(), passed.end(), path.string()) != passed.end();
  };
  EXPECT_TRUE(has("/"));
  EXPECT_TRUE(has(tree.path("link")));
  EXPECT_TRUE(has(tree.path("real")));
  EXPECT_TRUE(has(tree.path("real/again")));
}

TEST(Way, SaysWhereItEndsEarly) {
  const Tree tree;
  tree.file("x", 0644);
  EXPECT_NE(walk(tree.path("nothing/x")).problem.find("nothing: No such file"), std::string::npos);
  EXPECT_NE(walk(tree.path("x") / "y").problem.find("Not a directory"), std::string::npos);
  std::filesystem::create_symlink("loop", tree.path("loop"));
  EXPECT_NE(walk(tree.path("loop")).problem.find("symbolic links"), std::string::npos);
  EXPECT_EQ(walk(tree.path("nothing")).goal(), nullptr);
}

TEST(Way, SeesALinkThatLeadsOutOfATrustedFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root makes files of two users";
  const Tree tree;
  tree.file("theirs/x", 0755, 1000);
  std::filesystem::create_directories(tree.path("ours"));
  std::filesystem::create_symlink(tree.path("theirs/x"), tree.path("ours/x"));
  EXPECT_EQ(find_stranger(walk(tree.path("ours/x")), kRoot), tree.path("theirs/x").string() + " belongs to user 1000");
}

}  // namespace
}  // namespace retraind::custody
