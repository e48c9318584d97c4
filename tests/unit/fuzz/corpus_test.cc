// Every input that is kept in tests/fuzz/corpus, seeds and those that once crashed something, and mutations of them:
// what scripts/fuzz does for hours, each build does for a moment. A target that fails ends the process.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "core/base/random.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {
namespace {

std::map<std::string, std::string> kept_inputs(const std::string& target) {
  std::map<std::string, std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(RETRAIND_SOURCE_DIR) + "/tests/fuzz/corpus/" + target)) {
    std::ifstream in(entry.path(), std::ios::binary);
    out[entry.path().filename()] = {std::istreambuf_iterator<char>(in), {}};
  }
  return out;
}

std::string mutate(std::string input, Random& random) {
  const auto times = 1 + random.below(4);
  for (std::uint64_t i = 0; i < times && !input.empty(); ++i) {
    const auto at = static_cast<std::size_t>(random.below(input.size()));
    switch (random.below(4)) {
      case 0:
        input[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        input.erase(at, 1 + static_cast<std::size_t>(random.below(8)));
        break;
      case 2:
        input.insert(at, input.substr(at, 1 + static_cast<std::size_t>(random.below(8))));
        break;
      default:
        input.resize(at);
    }
  }
  return input;
}

TEST(Corpus, EveryKeptInputIsReadOrRefused) {
  for (const Target& target : kTargets) {
    SCOPED_TRACE(target.name);
    const auto inputs = kept_inputs(target.name);
    EXPECT_FALSE(inputs.empty()) << "a target without a seed finds nothing";
    for (const auto& [name, input] : inputs) target.run(input);
  }
}

TEST(Corpus, MutationsOfThemAreReadOrRefused) {
  for (const Target& target : kTargets) {
    Random random(1);
    for (const auto& [name, input] : kept_inputs(target.name)) {
      for (int i = 0; i < 200; ++i) target.run(mutate(input, random));
    }
  }
}

}  // namespace
}  // namespace retraind::fuzz
