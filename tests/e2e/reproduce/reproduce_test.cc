// Versions made of real data are made again by the real binary, byte for byte, or it says exactly why not.
#include <gtest/gtest.h>

#include "tests/e2e/reproduce/real_models.h"

namespace retraind::testing {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

void expect_the_same_bytes(const RealWorld& world, const std::vector<std::string>& options) {
  const boost::json::object said = world.reproduce(options, 0);
  ASSERT_TRUE(said.contains("reproduced"));
  EXPECT_TRUE(said.at("reproduced").as_bool()) << said;
  const boost::json::object& artifact = said.at("artifact").as_object();
  EXPECT_EQ(artifact.at("then_sha256"), artifact.at("now_sha256"));
  for (const auto& file : said.at("files").as_array()) EXPECT_TRUE(file.at("same").as_bool()) << file;
}

std::string changes_in(const boost::json::object& said) {
  return boost::json::serialize(said.at("data").at("changes"));
}

TEST(Reproduce, GivesTheSameBytesForTheElectricityMarketAndSaysWhichRowsChanged) {
  if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");
  RealWorld world(electricity());
  ASSERT_TRUE(world.made());
  expect_the_same_bytes(world, {"--threads", "1"});
  expect_the_same_bytes(world, {"--threads", "2"});
  const CommandResult people = world.call({"reproduce", "m", "1"});
  EXPECT_EQ(people.exit_code, 0);
  EXPECT_CONTAINS(people.output, "version 1 of m was reproduced\n");
  EXPECT_CONTAINS(people.output, "45312 rows");

  // Rows that come later are none of its own.
  world.source.exec(
      "INSERT INTO rows SELECT ts + interval '10 years', date_norm, day, period, nswprice, nswdemand, "
      "vicprice, vicdemand, transfer, up FROM rows LIMIT 100");
  expect_the_same_bytes(world, {});

  world.source.exec("CREATE TABLE before AS SELECT * FROM rows WHERE ts = '1997-08-14 12:00'");
  world.source.exec("UPDATE rows SET vicprice = vicprice + 0.001 WHERE ts = '1997-08-14 12:00'");
  const boost::json::object changed = world.reproduce({}, 1);
  EXPECT_CONTAINS(changes_in(changed), "vicprice");
  EXPECT_CONTAINS(changes_in(changed), "1997-08-");
  EXPECT_EQ(changes_in(changed).find("nswprice"), std::string::npos) << "no other column is blamed";
  EXPECT_EQ(changed.at("data").at("used").as_string(), "none");
  EXPECT_TRUE(changed.at("artifact").at("now_sha256").is_null());

  world.source.exec("UPDATE rows SET vicprice = before.vicprice FROM before WHERE rows.ts = before.ts");
  expect_the_same_bytes(world, {});
  world.source.exec("DELETE FROM rows WHERE ts = '1998-02-03 07:30'");
  const boost::json::object deleted = world.reproduce({}, 1);
  EXPECT_CONTAINS(changes_in(deleted), "1 row from 1998-0");
  EXPECT_CONTAINS(changes_in(deleted), "is gone");
  const boost::json::object anyway = world.reproduce({"--anyway"}, 1);
  EXPECT_EQ(anyway.at("data").at("used").as_string(), "source");
  EXPECT_FALSE(anyway.at("model_same").as_bool());
  EXPECT_EQ(anyway.at("predictions").at("rows").to_number<int>(), 45311);
}

TEST(Reproduce, GivesTheSameBytesForIncomesWithTheirCategoriesAlsoFromKeptRows) {
  if (!real_data("adult_income.csv.gz")) GTEST_SKIP() << missing_data("adult_income.csv.gz");
  RealWorld world(income(), "keep_data = true\n");
  ASSERT_TRUE(world.made());
  expect_the_same_bytes(world, {"--threads", "1"});
  expect_the_same_bytes(world, {"--threads", "2"});
  expect_the_same_bytes(world, {"--kept"});
  world.source.exec("DELETE FROM rows WHERE id = 20000");
  const boost::json::object said = world.reproduce({}, 0);
  EXPECT_TRUE(said.at("reproduced").as_bool());
  EXPECT_FALSE(said.at("data").at("same_at_source").as_bool());
  EXPECT_EQ(said.at("data").at("used").as_string(), "kept");
  EXPECT_CONTAINS(changes_in(said), "is gone");
  world.source.exec("DROP TABLE rows");
  const CommandResult people = world.call({"reproduce", "m", "1"});
  EXPECT_EQ(people.exit_code, 0) << people.output;
  EXPECT_CONTAINS(people.output, "the rows cannot be read");
  EXPECT_CONTAINS(people.output, "was reproduced from the rows kept with it");
}

TEST(Reproduce, SaysWhatItDoesNotKnow) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m"));
  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT state = 'promoted' FROM retraind.run_history ORDER BY run_id LIMIT 1"));
  const auto call = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--config", config.string()});
    return world.run(words);
  };
  const CommandResult version = call({"reproduce", "m", "7"});
  EXPECT_EQ(version.exit_code, 1);
  EXPECT_CONTAINS(version.errors, "has no version 7");
  const CommandResult model = call({"reproduce", "n", "1"});
  EXPECT_EQ(model.exit_code, 1);
  EXPECT_CONTAINS(model.errors, "does not know model \"n\"");
  EXPECT_EQ(call({"reproduce", "m"}).exit_code, 2);
  EXPECT_EQ(call({"reproduce", "m", "0"}).exit_code, 2);
  EXPECT_EQ(call({"reproduce", "m", "1", "--threads", "0"}).exit_code, 2);
}

}  // namespace
}  // namespace retraind::testing
