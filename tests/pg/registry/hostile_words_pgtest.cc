// Words that were chosen to do harm, as every text that reaches the registry: kept letter by letter, or refused by a
// sentence of ours; never a part of a statement.
#include <array>

#include "core/runs/history.h"
#include "core/runs/steering.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

constexpr std::array kHostile = {"'; DROP SCHEMA retraind CASCADE; --",
                                 "\" OR true --",
                                 "$(touch /tmp/x)",
                                 "`id`",
                                 "%s%n%s",
                                 "{0}{}",
                                 "$1",
                                 "\\'",
                                 "../../etc/passwd",
                                 "E'\\x00'",
                                 "\x1b[2J",
                                 "a\nb",
                                 "a\r\nERROR: x",
                                 "\xE2\x80\xAE"
                                 "evil",
                                 "名前",
                                 "{\"a\": 1}",
                                 "NULL",
                                 "'",
                                 "\"",
                                 "{a,b}",
                                 "this_name_has_exactly_sixty_four_letters_which_is_one_too_many__"};

class HostileWordsTest : public testing::RegistryTest {};

TEST_F(HostileWordsTest, AreKeptAsReasonsLetterByLetter) {
  put();
  for (const char* word : kHostile) {
    transact([&](store::Transaction& t) { runs::pause(t, "power", word); });
    EXPECT_EQ(ground.text("SELECT pause_reason FROM retraind.status"), word);
  }
  EXPECT_EQ(count("model"), "1");
}

TEST_F(HostileWordsTest, NameNoModel) {
  put();
  for (const char* word : kHostile) {
    const auto refused = [&](auto action) {
      return testing::complaint<DataError>([&] { transact([&](store::Transaction& t) { action(t); }); });
    };
    EXPECT_CONTAINS(refused([&](store::Transaction& t) { runs::request_run(t, word, "x"); }), "there is no model");
    EXPECT_CONTAINS(refused([&](store::Transaction& t) { runs::pause(t, word, "x"); }), "there is no model");
    EXPECT_CONTAINS(refused([&](store::Transaction& t) { runs::rollback(t, word, "x", 1); }), "there is no model");
    transact([&](store::Transaction& t) {
      EXPECT_EQ(find_model(t, word), std::nullopt);
      for (const auto read : {runs::read_promotions, runs::read_runs, runs::read_triggers, runs::read_trials,
                              runs::read_scorings, runs::read_releases}) {
        EXPECT_EQ(read(t, {.model = word, .since = {}, .until = {}}).rows.size(), 0u);
      }
    });
    // Nor could one get in past us.
    EXPECT_CONTAINS(testing::complaint<DataError>([&] {
                      settings::Model model = testing::make_model();
                      model.name = word;
                      put(model);
                    }),
                    "model_name_check");
  }
  EXPECT_EQ(count("model"), "1");
}

TEST_F(HostileWordsTest, AreKeptAsNamesOfColumnsAndQueries) {
  for (const char* word : kHostile) {
    settings::Model model = testing::make_model();
    model.label = word;
    model.time_column = word;
    model.features = {word};
    model.query = std::string("SELECT 1 AS \"") + word;
    put(model);
    EXPECT_EQ(
        ground.text("SELECT c.settings ->> 'label' FROM retraind.model m JOIN retraind.configuration c ON c.sha256 = "
                    "m.configuration_sha256"),
        word);
  }
}

}  // namespace
}  // namespace retraind::registry
