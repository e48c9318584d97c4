// docs/doctor.md against the catalogue: each check with what it looks at, in order, and something to do.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "core/doctor/finding.h"

namespace retraind::doctor {
namespace {

std::vector<std::string> lines_of(const char* page) {
  std::ifstream file(std::filesystem::path(RETRAIND_SOURCE_DIR) / "docs" / page);
  std::vector<std::string> out;
  for (std::string line; std::getline(file, line);) out.push_back(line);
  return out;
}

TEST(DoctorDocumentation, ListsEachCheckInOrderWithWhatItLooksAtAndWhatToDo) {
  const std::regex row(R"(\| `([a-z_.]+)` \| (.*) \| (.+) \|)");
  std::vector<std::string> described;
  for (const std::string& line : lines_of("doctor.md")) {
    std::smatch found;
    if (!std::regex_match(line, found, row)) continue;
    described.push_back(found[1].str() + ": " + found[2].str());
    EXPECT_GT(found[3].length(), 10) << found[1];
  }
  std::vector<std::string> known;
  for (const Check& check : catalogue()) known.push_back(std::string(check.name) + ": " + std::string(check.looks_at));
  EXPECT_GE(known.size(), 40u);
  EXPECT_EQ(described, known);
}

TEST(DoctorCatalogue, HasEachNameOnce) {
  std::set<std::string_view> names;
  for (const Check& check : catalogue()) EXPECT_TRUE(names.insert(check.name).second) << check.name;
}

}  // namespace
}  // namespace retraind::doctor
