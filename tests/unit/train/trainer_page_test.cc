// Holds docs/trainer.md against the examples, the configuration and what is said of programs that fail.

#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "core/settings/load.h"
#include "tests/unit/train/scratch.h"

namespace retraind::train {
namespace {

const std::filesystem::path kTree = RETRAIND_SOURCE_DIR;

std::string contents(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

// The first block of a language.
std::string block_of(const std::string& page, const std::string& language) {
  const std::string opening = "```" + language + "\n";
  const auto begin = page.find(opening);
  if (begin == std::string::npos) return "";
  return page.substr(begin + opening.size(), page.find("```", begin + opening.size()) - begin - opening.size());
}

TEST(TrainerPage, ShowsTheExampleAsItIs) {
  const std::string shown = block_of(contents(kTree / "docs" / "trainer.md"), "python");
  ASSERT_GT(shown.size(), 500u);
  EXPECT_NE(contents(examples() / "trainer_python" / "train.py").find(shown), std::string::npos);
}

TEST(TrainerPage, ShowsAConfigurationThatLoads) {
  const std::string shown = block_of(contents(kTree / "docs" / "trainer.md"), "toml");
  const std::string model = R"([registry]
conninfo = "service=retraind"
[source.market]
conninfo = "service=market"
[model.power]
source = "market"
query = "SELECT * FROM t"
time_column = "ts"
label = "up"
task = "binary"
)";
  const settings::Loaded loaded = settings::load_text(model + shown, "trainer.md", "host");
  for (const settings::Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  EXPECT_EQ(loaded.settings.models.at("power").training.command.predict.front(), "/opt/power/predict.py");
}

TEST(TrainerPage, SaysEveryLimitWithItsDefault) {
  const std::string page = contents(kTree / "docs" / "trainer.md");
  const settings::Training training;
  ASSERT_EQ(training.timeout, std::chrono::minutes(30));
  ASSERT_EQ(training.memory_limit_bytes, std::uint64_t{4} << 30);
  ASSERT_EQ(training.command.disk_limit_bytes, std::uint64_t{10} << 30);
  ASSERT_EQ(training.command.log_limit_bytes, std::uint64_t{1} << 20);
  ASSERT_EQ(training.command.max_processes, 256);
  for (const char* row :
       {"| `timeout` | `\"30min\"` |", "| `memory_limit` | `\"4GiB\"` |", "| `disk_limit` | `\"10GiB\"` |",
        "| `log_limit` | `\"1MiB\"` |", "| `max_processes` | `256` |"}) {
    EXPECT_NE(page.find(row), std::string::npos) << row;
  }
}

// Each message of its last table is one that the sources make: the words between what varies stand in them.
TEST(TrainerPage, QuotesMessagesThatAreReallyGiven) {
  std::string sources;
  for (const char* file : {"core/train/command_call.cc", "core/train/left_files.cc", "core/train/predictions_csv.cc",
                           "core/cage/cage.cc", "core/cage/watch.cc"}) {
    sources += contents(kTree / file);
  }
  const std::string page = contents(kTree / "docs" / "trainer.md");
  const auto table = page.find("| the run says | do |");
  ASSERT_NE(table, std::string::npos);
  const std::regex message(R"(\n\| `([^`]*)` \|)");
  const std::regex words(R"([a-z][a-z ]{7,}[a-z])");
  const std::string rows = page.substr(table);
  std::size_t checked = 0;
  for (std::sregex_iterator row(rows.begin(), rows.end(), message), end; row != end; ++row) {
    const std::string text = (*row)[1].str();
    for (std::sregex_iterator part(text.begin(), text.end(), words); part != end; ++part) {
      const std::string phrase = part->str();
      // Sentences are put together from pieces: a phrase may be cut at any of its blanks.
      bool found = sources.find(phrase) != std::string::npos;
      for (auto blank = phrase.find(' '); !found && blank != std::string::npos; blank = phrase.find(' ', blank + 1)) {
        found = sources.find(phrase.substr(0, blank)) != std::string::npos &&
                sources.find(phrase.substr(blank + 1)) != std::string::npos;
      }
      EXPECT_TRUE(found) << phrase;
      ++checked;
    }
  }
  EXPECT_GT(checked, 15u);
}

}  // namespace
}  // namespace retraind::train
