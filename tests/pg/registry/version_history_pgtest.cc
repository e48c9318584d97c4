// Where a version comes from: for whoever makes it again, and for people in SQL.
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::complaint;
using testing::make_model;

class VersionHistoryTest : public testing::RegistryTest {
 protected:
  // A version of the next run of the model; `change` may change it before it is added.
  template <class Change>
  int make(ModelId model, Change change) {
    const runs::ClaimedRun run = queue_and_claim(model);
    const int version = at(start, [&](store::Transaction& t) {
      NewVersion made = new_version(run, store_artifact(t, "the model", start));
      change(t, made);
      return add_version(t, made, start);
    });
    end(run, RunState::failed);
    return version;
  }
};

TEST_F(VersionHistoryTest, GivesBackTheOriginOfAVersion) {
  settings::Model model = make_model();
  const ModelId id = put(model);
  const std::string lineage = R"({"seed":7,"query":"SELECT 'a \"b\"'"})";
  std::string kept;
  make(id, [&](store::Transaction& t, NewVersion& made) {
    made.lineage = lineage;
    kept = store_artifact(t, "rows as they came", start);
    made.kept_data_sha256 = kept;
  });
  model.training.rounds = 7;
  put(model);
  make(id, [](store::Transaction&, NewVersion&) {});
  transact([&](store::Transaction& t) {
    const VersionOrigin first = find_origin(t, id, 1).value();
    EXPECT_EQ(first.configuration, settings::to_json(make_model())) << "that of its run, not the one in force";
    EXPECT_EQ(first.lineage, lineage);
    EXPECT_EQ(first.data_sha256, std::string(64, 'd'));
    EXPECT_EQ(first.trainer, "xgboost 1.7.4");
    EXPECT_EQ(first.kept_data_sha256, kept);
    const VersionOrigin second = find_origin(t, id, 2).value();
    EXPECT_EQ(second.configuration, settings::to_json(model));
    EXPECT_EQ(second.kept_data_sha256, std::nullopt);
    EXPECT_FALSE(find_origin(t, id, 3));
  });
}

TEST_F(VersionHistoryTest, ShowsEveryVersionWithItsLineage) {
  const ModelId id = put();
  make(id, [&](store::Transaction& t, NewVersion& made) {
    made.lineage = R"({"seed":7,"bounds":{"after":"2026-01-01T00:00:00Z"}})";
    made.kept_data_sha256 = store_artifact(t, "rows as they came", start);
  });
  make(id, [](store::Transaction&, NewVersion& made) {
    made.axis = TimeAxis::number;
    made.trained_from = 0.5;
    made.trained_to = 9007199254740991.0;
    made.lineage = R"({"parent":{"artifact_sha256":"aa","version":1}})";
    made.entity = "customer";
  });
  EXPECT_EQ(
      ground.rows("SELECT version, trainer, train_rows, artifact_bytes, kept_data_bytes, parent_version, entity, "
                  "lineage #>> '{bounds,after}', trained_to = 'epoch'::timestamptz + interval '1500000000 s', "
                  "trained_from_number, trained_to_number = 9007199254740991 FROM retraind.version_history ORDER BY 1"),
      (std::vector<testing::TextRow>{
          {"1", "xgboost 1.7.4", "800", "9", "17", std::nullopt, std::nullopt, "2026-01-01T00:00:00Z", "t",
           std::nullopt, std::nullopt},
          {"2", "xgboost 1.7.4", "800", "9", std::nullopt, "1", "customer", std::nullopt, std::nullopt, "0.5", "t"}}));
  EXPECT_EQ(ground.text(fmt::format("SELECT count(*) FROM retraind.version_history v JOIN retraind.run_history r USING "
                                    "(run_id, model, config_sha256) WHERE v.made_at = '{}' AND v.model = 'power'",
                                    format_instant(start))),
            "2");
}

TEST_F(VersionHistoryTest, TakesNoLineageThatItCouldNotShow) {
  const ModelId id = put();
  for (const char* lineage : {R"({"warnings":["\u0000"]})", R"({"x":1e999999})", "{", ""}) {
    const auto action = [&] { make(id, [&](store::Transaction&, NewVersion& made) { made.lineage = lineage; }); };
    EXPECT_ANY_THROW(action()) << lineage;
    ground.exec("SELECT retraind.cancel(run_id, 'x') FROM retraind.run WHERE finished_at IS NULL");
    ground.exec(
        "UPDATE retraind.run SET state = 'failed', finished_at = now(), reason = 'x', lease_term = NULL, "
        "lease_holder = NULL, lease_expires_at = NULL, heartbeat_at = NULL WHERE state = 'running'");
  }
  EXPECT_EQ(count("version_history"), "0");
}

TEST_F(VersionHistoryTest, NamesNoRowsThatAreNotThere) {
  const ModelId id = put();
  EXPECT_CONTAINS(complaint<DataError>([&] {
                    make(id,
                         [](store::Transaction&, NewVersion& made) { made.kept_data_sha256 = std::string(64, 'c'); });
                  }),
                  "model_version_kept_data_sha256_fkey");
}

}  // namespace
}  // namespace retraind::registry
