// Words that were chosen to do harm, wherever the configuration takes a name: each is refused, or kept as it is, and
// the complaint is one line that a terminal does not obey.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <array>

#include "core/settings/load.h"
#include "core/settings/snapshot.h"

namespace retraind::settings {
namespace {

// As they stand in a TOML string in double quotes.
constexpr std::array kHostile = {
    R"('; DROP SCHEMA retraind CASCADE; --)",
    R"(\" OR true --)",
    R"($(touch /tmp/x))",
    R"(`id`)",
    R"(%s%n%s)",
    R"({0}{}{x})",
    R"(../../etc/passwd)",
    R"(/etc/passwd)",
    R"(..)",
    R"(.)",
    R"(\\)",
    R"(a\u0000b)",
    R"(a\u001b[2Jb)",
    R"(a\nb)",
    R"(a\r\nmodel added [model=x])",
    R"(\u202Eevil)",
    R"(名前)",
    R"(Größe)",
    R"(UPPER)",
    R"(a b)",
    R"(a.b)",
    R"(1a)",
    R"(_a)",
    R"()",
    R"(this_name_has_exactly_sixty_four_letters_which_is_one_too_many__)",
};

std::string configuration(const std::string& model, const std::string& source, const std::string& trigger,
                          const std::string& gate, const std::string& signal) {
  return fmt::format(R"toml([registry]
conninfo = "service=r"
[source."{}"]
conninfo = "service=s"
[model."{}"]
source = "{}"
query = "SELECT 1"
time_column = "t"
label = "y"
task = "binary"
[[model."{}".validation.gate]]
name = "{}"
metric = "auc"
above = 0.5
[[model."{}".trigger]]
name = "{}"
on = "signal"
signal = "{}"
above = 1.0
)toml",
                     source, model, source, model, gate, model, trigger, signal);
}

std::vector<std::string> complaints(const std::string& toml) {
  std::vector<std::string> out;
  for (const Complaint& complaint : load_text(toml, "x.toml", "host").complaints) out.push_back(complaint.text());
  return out;
}

void expect_harmless(const std::string& line) {
  for (const char c : line) EXPECT_FALSE((static_cast<unsigned char>(c) < ' ' || c == '\x7f')) << line;
  EXPECT_LT(line.size(), 600U) << line;
}

TEST(HostileWords, AreNoNamesOfModelsSourcesTriggersOrGates) {
  ASSERT_EQ(complaints(configuration("m", "s", "t", "g", "x")), std::vector<std::string>{});
  for (const char* word : kHostile) {
    for (const std::string& toml : {configuration(word, "s", "t", "g", "x"), configuration("m", word, "t", "g", "x"),
                                    configuration("m", "s", word, "g", "x"), configuration("m", "s", "t", word, "x")}) {
      const auto found = complaints(toml);
      EXPECT_FALSE(found.empty()) << word << "\n" << toml;
      for (const std::string& line : found) expect_harmless(line);
    }
  }
}

TEST(HostileWords, AreKeptAsTheyAreWhereTheUserNamesTheirOwn) {
  for (const char* word : kHostile) {
    const std::string toml = fmt::format(R"toml([registry]
conninfo = "service=r"
[source.s]
conninfo = "service=s"
[model.m]
source = "s"
query = "SELECT 1 AS \"x\""
time_column = "t{0}"
label = "y{0}"
task = "binary"
features = ["f{0}"]
[[model.m.trigger]]
on = "signal"
signal = "s{0}"
above = 1.0
)toml",
                                         word);
    const Loaded loaded = load_text(toml, "x.toml", "host");
    for (const Complaint& complaint : loaded.complaints) expect_harmless(complaint.text());
    if (std::string_view(word).find("\\u0000") != std::string_view::npos) {
      EXPECT_FALSE(loaded.complaints.empty()) << "PostgreSQL can hold no zero character";
      continue;
    }
    EXPECT_TRUE(loaded.complaints.empty()) << word << ": " << loaded.complaints.at(0).text();
    const Model& model = loaded.settings.models.at("m");
    const Model again = model_from_json(to_json(model));
    EXPECT_EQ(again.label, model.label);
    EXPECT_EQ(again.time_column, model.time_column);
    EXPECT_EQ(again.features, model.features);
    EXPECT_EQ(std::get<SignalTrigger>(again.triggers.at(0).rule).signal,
              std::get<SignalTrigger>(model.triggers.at(0).rule).signal);
  }
}

}  // namespace
}  // namespace retraind::settings
