// What a model's rows looked like when it was first promoted under a query.
#include "core/registry/expectations.h"

#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::complaint;
using testing::make_model;
using testing::minutes;

class ExpectationsTest : public testing::RegistryTest {
 protected:
  static data::Expectation expect_price(double null_share) {
    return {.columns = {{.name = "price \"x\"", .sql_type = "double precision", .type = {}, .null_share = null_share},
                        {.name = "up", .sql_type = "boolean", .type = data::ValueType::boolean, .null_share = {}}},
            .last_rows = 77};
  }
  void add(ModelId model, const std::string& key, int version, const data::Expectation& expectation,
           bool anew = false) {
    transact([&](store::Transaction& t) { add_expectation(t, model, key, version, expectation, anew, start); });
  }
  std::optional<data::Expectation> find(ModelId model, const std::string& key) {
    return transact([&](store::Transaction& t) { return find_expectation(t, model, key); });
  }
  const std::string key_ = std::string(64, 'a');
};

TEST_F(ExpectationsTest, ComeBackAsTheyWereLearned) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  EXPECT_FALSE(find(model, key_));
  const double share = 0.1 + 0.2;
  add(model, key_, 1, expect_price(share));
  const data::Expectation found = find(model, key_).value();
  ASSERT_EQ(found.columns.size(), 2u);
  EXPECT_EQ(found.columns[0].name, "price \"x\"");
  EXPECT_EQ(found.columns[0].sql_type, "double precision");
  EXPECT_EQ(found.columns[0].type, data::ValueType::number);
  EXPECT_EQ(found.columns[0].null_share, share) << "to the last bit";
  EXPECT_EQ(found.columns[1].type, data::ValueType::boolean);
  EXPECT_EQ(found.columns[1].null_share, std::nullopt);
  EXPECT_FALSE(find(model, std::string(64, 'b')));
  EXPECT_FALSE(find(put(make_model("gas")), key_));
  EXPECT_EQ(ground.text(fmt::format("SELECT concat_ws(' ', model, version, key = repeat('a', 64), learned_at = '{}') "
                                    "FROM retraind.expectation_history",
                                    format_instant(start))),
            "power 1 t t");
}

TEST_F(ExpectationsTest, AreThoseOfTheVersionThatWasPromotedFirstUnderAKey) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  add(model, key_, 1, expect_price(0.25));
  add(model, key_, 2, expect_price(0.5));
  EXPECT_EQ(find(model, key_).value().columns[0].null_share, 0.25);
  EXPECT_EQ(ground.text("SELECT string_agg(version::text, ' ' ORDER BY key) FROM retraind.expectation_history"), "1");
}

TEST_F(ExpectationsTest, AreForgottenWithAPromotionUnderAnySchema) {
  const ModelId model = put();
  for (int i = 0; i < 4; ++i) run_to(RunState::promoted, model);
  add(model, key_, 1, expect_price(0.125));
  add(model, key_, 2, expect_price(0.25));
  add(model, key_, 3, expect_price(0.5), true);
  add(model, key_, 4, expect_price(0.75));
  EXPECT_EQ(find(model, key_).value().columns[0].null_share, 0.5);
  EXPECT_EQ(ground.text("SELECT string_agg(version::text, ' ' ORDER BY key) FROM retraind.expectation_history"), "3");
}

TEST_F(ExpectationsTest, OfAVersionThatWasNeverPromotedCountForNothing) {
  const ModelId model = put();
  run_to(RunState::awaiting_approval, model);
  add(model, key_, 1, expect_price(0.25));
  EXPECT_FALSE(find(model, key_));
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.expectation_history"), "0");
  ground.exec("SELECT retraind.approve((SELECT max(run_id) FROM retraind.run), 'looks good')");
  EXPECT_EQ(find(model, key_).value().columns[0].null_share, 0.25);
}

TEST_F(ExpectationsTest, NameAVersionThatThereIsUnderASha256) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  EXPECT_CONTAINS(complaint<DataError>([&] { add(model, key_, 2, expect_price(0)); }), "expectation_model_id_version");
  EXPECT_CONTAINS(complaint<DataError>([&] { add(model, "the query", 1, expect_price(0)); }), "expectation_key_check");
}

TEST_F(ExpectationsTest, KnowTheRowsOfTheLastRunThatWasJudgedAndOfNoOther) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  add(model, key_, 1, expect_price(0));
  const auto last_rows = [&] { return find(model, key_).value().last_rows; };
  EXPECT_EQ(last_rows(), 1000u) << "not what was in the expectation that was learned";
  const auto judged = [&](RunState state, Verdict verdict, std::uint64_t rows) {
    const runs::ClaimedRun run = queue_and_claim(model);
    at(start, [&](store::Transaction& t) {
      runs::JudgedRun out;
      out.state = state;
      out.verdict = verdict;
      out.reason = "judged";
      out.opponent = "production";
      out.judged_against = 1;
      out.data_sha256 = std::string(64, 'd');
      out.data_rows = rows;
      EXPECT_TRUE(runs::finish_judged_run(t, lease_of(run), out, start));
    });
  };
  judged(RunState::rejected, Verdict::reject, 1100);
  EXPECT_EQ(last_rows(), 1100u);
  judged(RunState::inconclusive, Verdict::inconclusive, 1200);
  EXPECT_EQ(last_rows(), 1200u);
  run_to(RunState::failed, model);
  run_to(RunState::cancelled, model);
  EXPECT_EQ(last_rows(), 1200u) << "they may have been refused because of their rows";
  queue_and_claim(model);
  EXPECT_EQ(last_rows(), 1200u);
}

}  // namespace
}  // namespace retraind::registry
