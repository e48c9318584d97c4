#include "core/stats/level_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"

namespace retraind::stats {
namespace {

// By comparisons.
std::uint32_t plain_find(const std::vector<std::string>& names, const std::string& text) {
  const auto found = std::find(names.begin(), names.end(), text);
  return found == names.end() ? LevelSearch::kNone : static_cast<std::uint32_t>(found - names.begin());
}

TEST(LevelSearch, FindsWhatALookAtEveryNameDoes) {
  Random random(1);
  for (const std::uint64_t longest : {1u, 3u, 4u, 7u, 8u, 9u, 16u, 17u, 40u}) {
    const auto draw = [&] {
      // Few letters, a zero byte among them, so that many texts are alike but for one byte.
      std::string text(random.below(longest + 1), 'a');
      for (char& c : text) c = "ab\0"[random.below(12) < 10 ? 0 : 1 + random.below(2)];
      return text;
    };
    std::set<std::string> distinct;
    for (int i = 0; i < 400; ++i) distinct.insert(draw());
    const std::vector<std::string> names(distinct.begin(), distinct.end());
    const LevelSearch search(names);
    for (const std::string& name : names) EXPECT_EQ(search.find(name), plain_find(names, name));
    for (int i = 0; i < 2000; ++i) {
      // Without room behind it, so that a byte read too many is seen.
      const std::string text = draw();
      const std::vector<char> exact(text.begin(), text.end());
      EXPECT_EQ(search.find(std::string_view(exact.data(), exact.size())), plain_find(names, text));
    }
  }
}

TEST(LevelSearch, TellsLongTextsApartByAnyByte) {
  const std::string base(60, 'x');
  std::vector<std::string> names{base};
  for (std::size_t i = 0; i < base.size(); ++i) {
    names.push_back(base);
    names.back()[i] = 'y';
  }
  const LevelSearch search(names);
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(search.find(names[i]), i);
  for (std::size_t i = 0; i < base.size(); ++i) {
    std::string other = base;
    other[i] = 'z';
    EXPECT_EQ(search.find(other), LevelSearch::kNone);
    EXPECT_EQ(search.find(base.substr(i + 1)), LevelSearch::kNone);
  }
}

TEST(LevelSearch, FindsNothingAmongNoNames) {
  const std::vector<std::string> none;
  EXPECT_EQ(LevelSearch(none).find(""), LevelSearch::kNone);
  EXPECT_EQ(LevelSearch(none).find("a"), LevelSearch::kNone);
  const std::vector<std::string> empty{""};
  EXPECT_EQ(LevelSearch(empty).find(""), 0u);
  EXPECT_EQ(LevelSearch(empty).find(std::string_view("\0", 1)), LevelSearch::kNone);
}

}  // namespace
}  // namespace retraind::stats
