// Models, versions and the bytes of artifacts as the registry keeps them.
#include <algorithm>
#include <cmath>

#include "core/base/sha256.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::complaint;
using testing::make_model;
using testing::minutes;

class ModelsTest : public testing::RegistryTest {
 protected:
  PutModel put_as(const runs::Executor& loader, const settings::Model& model) {
    return transact([&](store::Transaction& transaction) {
      return put_model(transaction, model, {loader.daemon_id, loader.instance}, start);
    });
  }
  std::vector<std::string> keep(const runs::Executor& loader, const std::vector<std::string>& names) {
    return transact([&](store::Transaction& transaction) {
      auto removed = remove_other_models(transaction, names, {loader.daemon_id, loader.instance}, start);
      std::ranges::sort(removed);
      return removed;
    });
  }
};

TEST_F(ModelsTest, PutsTheNewestConfigurationInForceAndRemembersWhoLoadedIt) {
  settings::Model model = make_model();
  const PutModel first = put_as(here, model);
  EXPECT_TRUE(first.added);
  EXPECT_TRUE(first.changed);
  const PutModel again = put_as(there, model);
  EXPECT_EQ(again.id, first.id);
  EXPECT_FALSE(again.added);
  EXPECT_FALSE(again.changed);

  model.training.rounds = 7;
  model.source = "warehouse";
  EXPECT_TRUE(put_as(there, model).changed);
  EXPECT_EQ(ground.text("SELECT source || ' ' || configuration_sha256 FROM retraind.model"),
            "warehouse " + settings::configuration_sha256(model));
  EXPECT_EQ(ground.text("SELECT string_agg(instance, ' ' ORDER BY load_id) FROM retraind.configuration_load"),
            "host-a host-b");
  // Back to the first: one configuration, loaded twice.
  EXPECT_TRUE(put_as(here, make_model()).changed);
  EXPECT_EQ(count("configuration"), "2");
  EXPECT_EQ(count("configuration_load"), "3");
}

TEST_F(ModelsTest, GivesBackAConfigurationToTheByte) {
  settings::Model model = make_model();
  model.query = "SELECT 'a \"b\" \\ c ä', E'\\n', 0.1 AS x";
  model.validation.margin = 0.1 + 0.2;
  const ModelId id = put_as(here, model).id;
  const std::string text = transact([&](store::Transaction& transaction) {
    return get_configuration(transaction, id, settings::configuration_sha256(model));
  });
  EXPECT_EQ(text, settings::to_json(model));
  EXPECT_THROW(
      transact([&](store::Transaction& transaction) { get_configuration(transaction, id, std::string(64, '0')); }),
      std::logic_error);
}

TEST_F(ModelsTest, RemovesOnlyWhatThisInstanceLoadedLastAndTakesItBack) {
  put_as(here, make_model("power"));
  put_as(here, make_model("gas"));
  put_as(there, make_model("water"));
  EXPECT_EQ(keep(here, {"power"}), std::vector<std::string>{"gas"});
  EXPECT_EQ(keep(here, {"power"}), std::vector<std::string>{});
  EXPECT_EQ(ground.text("SELECT string_agg(model || ' ' || state, ', ' ORDER BY model) FROM retraind.status"),
            "gas removed, power active, water active");
  const PutModel back = put_as(there, make_model("gas"));
  EXPECT_TRUE(back.added);
  EXPECT_EQ(keep(here, {"power"}), std::vector<std::string>{}) << "the other instance loaded it last";
  EXPECT_EQ(keep(there, {}), (std::vector<std::string>{"gas", "water"}));
}

class VersionsTest : public testing::RegistryTest {};

TEST_F(VersionsTest, AreNumberedFromOneWithTheirColumnsInOrder) {
  const ModelId model = put();
  const runs::ClaimedRun run = queue_and_claim(model);
  const std::vector<double> prices = {1, 2, 2, 3.5, NAN, 1e300};
  const std::vector<std::string_view> regions = {"nsw", "vic", "nsw", "ä \"q\" \\"};
  NewVersion version = new_version(run, "");
  const std::vector<double> scores = {0.25, 0.5};
  version.columns = {{stats::profile_texts("region", regions, {}), ColumnRole::feature, 0.1 + 0.2},
                     {stats::profile_numbers("price", prices, {}), ColumnRole::feature, std::nullopt},
                     {stats::profile_numbers("score", scores, {}), ColumnRole::score, std::nullopt},
                     {stats::profile_numbers("up", scores, {}), ColumnRole::label, std::nullopt},
                     {stats::profile_numbers("ts", prices, {}), ColumnRole::time, std::nullopt}};
  version.value = 0.1 + 0.2;
  at(start, [&](store::Transaction& transaction) {
    version.artifact_sha256 = store_artifact(transaction, "bytes", start);
    EXPECT_EQ(add_version(transaction, version, start), 1);
    const auto columns = list_columns(transaction, model, 1);
    ASSERT_EQ(columns.size(), version.columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      EXPECT_EQ(stats::to_json(columns[i].profile), stats::to_json(version.columns[i].profile)) << i;
      EXPECT_EQ(columns[i].role, version.columns[i].role) << i;
      EXPECT_EQ(columns[i].importance, version.columns[i].importance) << i;
    }
    EXPECT_TRUE(list_columns(transaction, model, 2).empty());
  });
  EXPECT_EQ(ground.text("SELECT value = 0.1::float8 + 0.2::float8 FROM retraind.model_version"), "t");
  EXPECT_EQ(ground.text("SELECT last_version FROM retraind.model"), "1");
}

TEST_F(VersionsTest, RefuseAnImportanceThatIsNoShare) {
  const runs::ClaimedRun run = queue_and_claim(put());
  for (const double importance : {-0.1, 1.1, static_cast<double>(NAN)}) {
    EXPECT_CONTAINS(
        complaint<DataError>([&] {
          at(start, [&](store::Transaction& transaction) {
            NewVersion version = new_version(run, store_artifact(transaction, "bytes", start));
            const std::vector<double> prices = {1, 2};
            version.columns = {{stats::profile_numbers("price", prices, {}), ColumnRole::feature, importance}};
            add_version(transaction, version, start);
          });
        }),
        "version_profile_importance_check")
        << importance;
  }
  EXPECT_EQ(count("model_version"), "0");
}

TEST_F(VersionsTest, MoveIntoProductionOnlyAgainstTheOneTheyWereJudgedBy) {  // invariant 2
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::awaiting_approval, model);
  const auto move = [&](std::optional<int> expected) {
    return at(start + minutes(1), [&](store::Transaction& transaction) {
      return move_production(transaction,
                             {.model = model,
                              .version = 2,
                              .kind = PromotionKind::rollback,
                              .expected = expected,
                              .actor = "host-a",
                              .trigger = "manual",
                              .run = {},
                              .reason = "because"},
                             start + minutes(1));
    });
  };
  EXPECT_EQ(move(std::nullopt), std::nullopt);
  EXPECT_EQ(move(7), std::nullopt);
  EXPECT_EQ(count("promotion"), "1");
  EXPECT_NE(move(1), std::nullopt);
  const auto production =
      transact([&](store::Transaction& transaction) { return find_production(transaction, model); });
  ASSERT_TRUE(production);
  EXPECT_EQ(production->version, 2);
  EXPECT_EQ(production->trained_to, 1.5e15);
  EXPECT_EQ(production->since, start + minutes(1));
}

TEST_F(VersionsTest, TouchWithoutOverlapWhenTwoClocksDisagree) {  // invariant 1
  const ModelId model = put();
  run_to(RunState::promoted, model, "manual", start + minutes(10));
  run_to(RunState::promoted, model, "manual", start);
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.promotion a JOIN retraind.promotion b "
                        "ON b.version = a.version + 1 AND upper(a.during) = lower(b.during)"),
            "1");
}

TEST_F(VersionsTest, CountOnlyCandidatesThatCameToAVerdictAgainstThem) {
  const ModelId model = put();
  const auto judged = [&](std::optional<int> version) {
    return transact([&](store::Transaction& transaction) { return count_judged_against(transaction, model, version); });
  };
  for (const RunState state : {RunState::rejected, RunState::failed, RunState::inconclusive, RunState::cancelled,
                               RunState::promoted, RunState::rejected}) {
    run_to(state, model);
  }
  EXPECT_EQ(judged(std::nullopt), 3u);
  EXPECT_EQ(judged(1), 1u);
  EXPECT_EQ(judged(2), 0u);
}

TEST_F(VersionsTest, CountAShadowAsOneMoreAttemptAndACandidateThatIsJudgedAgainAgainstBoth) {
  const ModelId model = put();
  const auto judged = [&](std::optional<int> version) {
    return transact([&](store::Transaction& transaction) { return count_judged_against(transaction, model, version); });
  };
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  const RunId shadow = run_to(RunState::shadowing, model);
  EXPECT_EQ(judged(2), 2u) << "on its holdout, and as a shadow";
  ground.exec(fmt::format("SELECT retraind.cancel({}, 'enough')", number(shadow)));
  EXPECT_EQ(judged(2), 2u) << "whatever became of it";
  const RunId run = run_to(RunState::awaiting_approval, model);
  EXPECT_EQ(judged(2), 3u);
  ground.exec("SELECT retraind.rollback('power', 'broken')");
  ground.exec(fmt::format("SELECT retraind.approve({}, 'fine')", number(run)));
  EXPECT_EQ(judged(2), 3u) << "alpha stays spent";
  EXPECT_EQ(judged(1), 1u);
  judge(claim(start + minutes(60)), RunState::rejected, start + minutes(60));
  EXPECT_EQ(judged(2), 3u);
  EXPECT_EQ(judged(1), 2u);
  EXPECT_EQ(judged(std::nullopt), 1u);
}

TEST_F(VersionsTest, CountEarlierUsesOfTheSameRows) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const auto reuse = [&](EventTime from) {
    return transact([&](store::Transaction& transaction) { return count_holdout_reuse(transaction, model, 1, from); });
  };
  EXPECT_EQ(reuse(0), 0u);
  for (const double to : {1.7e15, 1.8e15}) {
    const runs::ClaimedRun run = queue_and_claim(model);
    at(start, [&](store::Transaction& transaction) {
      runs::JudgedRun judged;
      judged.state = RunState::rejected;
      judged.verdict = Verdict::reject;
      judged.reason = "worse";
      judged.opponent = "production";
      judged.judged_against = 1;
      judged.data_sha256 = std::string(64, 'd');
      judged.holdout_from = 1.6e15;
      judged.holdout_to = to;
      judged.holdout_reuse = 3;
      judged.detectable = INFINITY;
      judged.rows_needed = 1960;
      judged.ci_low = -INFINITY;
      EXPECT_TRUE(runs::finish_judged_run(transaction, lease_of(run), judged, start));
    });
  }
  EXPECT_EQ(reuse(1.6e15), 2u);
  EXPECT_EQ(reuse(1.7e15), 2u) << "the last row of one is the first of the other";
  EXPECT_EQ(reuse(1.7e15 + 1), 1u);
  EXPECT_EQ(reuse(1.9e15), 0u);
  EXPECT_EQ(ground.text("SELECT concat_ws(' ', holdout_from = 'epoch'::timestamptz + interval '1600000000 s', "
                        "holdout_to_number, holdout_reuse, detectable, rows_needed, ci_low) FROM retraind.run_history "
                        "ORDER BY run_id DESC LIMIT 1"),
            "t 3 1960")
      << "infinite figures are NULL";
}

TEST_F(VersionsTest, KnowTheirAnchorAndWhoMayStandInForThem) {
  const ModelId model = put();
  for (int i = 0; i < 4; ++i) run_to(RunState::promoted, model, "manual", start + minutes(i));
  ground.exec("SELECT retraind.rollback('power', 'broken', 2)");
  const runs::ClaimedRun run = queue_and_claim(model);
  at(start, [&](store::Transaction& transaction) {
    NewVersion version = new_version(run, store_artifact(transaction, "bytes", start));
    version.anchor = 3;
    version.entity = "customer";
    add_version(transaction, version, start);
  });
  transact([&](store::Transaction& transaction) {
    std::string former;
    for (const auto& one : list_former_production(transaction, model, 9)) former += std::to_string(one.version) + " ";
    EXPECT_EQ(former, "3 1 ") << "neither the current one nor a quarantined one, the last to leave first";
    EXPECT_EQ(list_former_production(transaction, model, 1).size(), 1u);
    EXPECT_EQ(find_production(transaction, model).value().anchor, 2);
    EXPECT_TRUE(find_version(transaction, model, 4).value().quarantined);
    EXPECT_FALSE(find_version(transaction, model, 3).value().quarantined);
    EXPECT_EQ(find_version(transaction, model, 5).value().anchor, 3);
    EXPECT_EQ(find_version(transaction, model, 5).value().entity, "customer");
    EXPECT_FALSE(find_version(transaction, model, 6));
  });
}

class ArtifactsTest : public testing::RegistryTest {
 protected:
  std::string store(const std::string& bytes) {
    return transact([&](store::Transaction& transaction) { return store_artifact(transaction, bytes, start); });
  }
  std::string load(const std::string& sha256) {
    return transact([&](store::Transaction& transaction) { return load_artifact(transaction, sha256); });
  }
  // As a disk or a person with every right could.
  void damage(const std::string& sql) { ground.exec("SET session_replication_role = replica;" + sql); }

  // Bytes that do not compress, three chunks of them.
  static std::string three_chunks() {
    std::string bytes(9'000'000, '\0');
    std::uint32_t x = 1;
    for (char& byte : bytes) byte = static_cast<char>((x = x * 1664525U + 1013904223U) >> 24);
    return bytes;
  }
};

TEST_F(ArtifactsTest, ComeBackToTheByteWhateverTheirLength) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{4} << 20, (std::size_t{4} << 20) + 1}) {
    const std::string bytes(size, '\0');
    EXPECT_EQ(load(store(bytes)), bytes) << size;
  }
  const std::string bytes = three_chunks();
  const std::string sha256 = store(bytes);
  EXPECT_EQ(sha256, to_hex(retraind::sha256(bytes)));
  EXPECT_EQ(count("artifact_chunk WHERE sha256 = '" + sha256 + "'"), "3");
  EXPECT_TRUE(load(sha256) == bytes);
}

TEST_F(ArtifactsTest, AreStoredOnce) {
  EXPECT_EQ(store("the same"), store("the same"));
  EXPECT_EQ(count("artifact_chunk"), "1");
}

TEST_F(ArtifactsTest, AreRefusedWhenAbsentOrDamaged) {  // invariant 4: the sha256 is checked at every read
  EXPECT_CONTAINS(complaint<DataError>([&] { load(std::string(64, 'a')); }), "is not in the registry");
  const std::string sha256 = store(three_chunks());
  damage(
      "UPDATE retraind.artifact_chunk SET zstd = set_byte(zstd, 2000000, get_byte(zstd, 2000000) # 1) WHERE chunk = 1");
  EXPECT_CONTAINS(complaint<DataError>([&] { load(sha256); }), "is damaged: its bytes have sha256");
  damage("UPDATE retraind.artifact_chunk SET zstd = substr(zstd, 1, 1000) WHERE chunk = 1");
  EXPECT_CONTAINS(complaint<DataError>([&] { load(sha256); }), "chunk 1 cannot be decompressed");
  damage("UPDATE retraind.artifact_chunk SET zstd = 'not zstd' WHERE chunk = 1");
  EXPECT_CONTAINS(complaint<DataError>([&] { load(sha256); }), "chunk 1 is no zstd frame of ours");
  damage("DELETE FROM retraind.artifact_chunk WHERE chunk = 1");
  EXPECT_CONTAINS(complaint<DataError>([&] { load(sha256); }), "chunk 1 of 3 is missing");
}

TEST_F(ArtifactsTest, AreRefusedUnderAnothersName) {  // invariant 4
  const std::string one = store("one");
  const std::string two = store("two");
  damage(
      fmt::format("UPDATE retraind.artifact_chunk c SET zstd = o.zstd FROM retraind.artifact_chunk o "
                  "WHERE c.sha256 = '{}' AND o.sha256 = '{}'",
                  one, two));
  EXPECT_CONTAINS(complaint<DataError>([&] { load(one); }), "its bytes have sha256 " + two);
  EXPECT_EQ(load(two), "two");
}

}  // namespace
}  // namespace retraind::registry
