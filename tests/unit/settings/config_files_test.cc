// Runs over tests/config: NAME.good.toml loads without a complaint; NAME.bad.toml gives exactly the complaints of
// NAME.bad.txt, one a line. RETRAIND_REWRITE=1 writes the .bad.txt files anew, to be read before they are committed.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/settings/load.h"

namespace retraind::settings {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(RETRAIND_SOURCE_DIR) / "tests" / "config";

std::vector<std::filesystem::path> files_ending(const std::string& end) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().filename().string().ends_with(end)) out.push_back(entry.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Complaints name files relative to tests/config, wherever the tree stands.
std::string complaints_of(const std::filesystem::path& file) {
  std::string out;
  for (const Complaint& complaint : load(file, "test-host").complaints) out += complaint.text() + "\n";
  const std::string prefix = kFolder.string() + "/";
  for (auto at = out.find(prefix); at != std::string::npos; at = out.find(prefix, at)) out.erase(at, prefix.size());
  return out;
}

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string name_of(const testing::TestParamInfo<std::filesystem::path>& info) {
  const std::string name = info.param.filename().string();
  return name.substr(0, name.find('.'));
}

class GoodFile : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(GoodFile, LoadsWithoutComplaint) {
  EXPECT_EQ(complaints_of(GetParam()), "");
}

INSTANTIATE_TEST_SUITE_P(Config, GoodFile, testing::ValuesIn(files_ending(".good.toml")), name_of);

class BadFile : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(BadFile, GivesExactlyTheComplaintsBesideIt) {
  std::filesystem::path expected = GetParam();
  expected.replace_extension(".txt");
  const std::string found = complaints_of(GetParam());
  if (std::getenv("RETRAIND_REWRITE") != nullptr) std::ofstream(expected, std::ios::binary) << found;
  EXPECT_NE(found, "");
  EXPECT_EQ(found, contents(expected));
}

INSTANTIATE_TEST_SUITE_P(Config, BadFile, testing::ValuesIn(files_ending(".bad.toml")), name_of);

}  // namespace
}  // namespace retraind::settings
