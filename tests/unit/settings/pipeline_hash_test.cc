#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/settings/snapshot.h"
#include "tests/unit/settings/full_model.h"

namespace retraind::settings {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(PipelineHash, HashesWhatDecidesTrainingAndJudgingApartFromTheRest) {
  using Change = std::function<void(Model&)>;
  const std::vector<std::pair<const char*, Change>> of_the_pipeline = {
      {"source", [](Model& m) { m.source = "shop"; }},
      {"query", [](Model& m) { m.query += " "; }},
      {"time_column", [](Model& m) { m.time_column = "at"; }},
      {"label", [](Model& m) { m.label = "down"; }},
      {"task", [](Model& m) { m.task = Task::binary; }},
      {"positive", [](Model& m) { m.positive.reset(); }},
      {"features", [](Model& m) { m.features.pop_back(); }},
      {"anchor", [](Model& m) { m.anchor = Anchor::data; }},
      {"label_delay", [](Model& m) { m.label_delay = hours(2); }},
      {"trainer", [](Model& m) { m.training.trainer = "xgboost"; }},
      {"window", [](Model& m) { m.training.window = WindowAll{}; }},
      {"holdout", [](Model& m) { m.training.holdout = HoldoutShare{0.3}; }},
      {"min_rows", [](Model& m) { m.training.min_rows = 1; }},
      {"rounds", [](Model& m) { m.training.rounds = 8; }},
      {"params", [](Model& m) { m.training.params["max_depth"] = 6.0; }},
      {"seed", [](Model& m) { m.training.seed = 43; }},
      {"metric", [](Model& m) { m.validation.metric = Metric::accuracy; }},
      {"rule", [](Model& m) { m.validation.rule = Rule::superior; }},
      {"margin", [](Model& m) { m.validation.margin = std::nextafter(m.validation.margin, 1); }},
      {"confidence", [](Model& m) { m.validation.confidence = 0.95; }},
      {"min_holdout_rows", [](Model& m) { m.validation.min_holdout_rows = 1; }},
      {"cluster", [](Model& m) { m.validation.cluster = WindowDuration{hours(24)}; }},
      {"weight", [](Model& m) { m.weight.reset(); }},
      {"entity", [](Model& m) { m.training.entity.reset(); }},
      {"refit", [](Model& m) { m.training.refit = false; }},
      {"train", [](Model& m) { m.training.command.train.push_back("y"); }},
      {"predict", [](Model& m) { m.training.command.predict[0] = "/bin/other"; }},
      {"environment", [](Model& m) { m.training.command.environment.clear(); }},
      {"pass_environment", [](Model& m) { m.training.command.pass_environment.clear(); }},
      {"files", [](Model& m) { m.training.command.files.clear(); }},
      {"since", [](Model& m) { m.training.since->from += 1; }},
      {"sample_rows", [](Model& m) { m.training.sample_rows.reset(); }},
      {"embargo", [](Model& m) { m.training.embargo = Duration::zero(); }},
      {"class_weights", [](Model& m) { m.training.class_weights = ClassWeightsBalanced{}; }},
      {"keep_majority", [](Model& m) { m.training.keep_majority = 1; }},
      {"warm_start", [](Model& m) { m.training.warm_start = false; }},
      {"search", [](Model& m) { m.training.search.reset(); }},
      {"a searched value", [](Model& m) { m.training.search->params["eta"].pop_back(); }},
      {"threshold", [](Model& m) { m.validation.threshold = 0.5; }},
      {"quantile", [](Model& m) { m.validation.quantile = 0.5; }},
      {"costs", [](Model& m) { m.validation.costs.clear(); }},
      {"a cost", [](Model& m) { m.validation.costs["yes"]["no"] = 6; }},
      {"spend_alpha", [](Model& m) { m.validation.spend_alpha = true; }},
      {"anchor_margin", [](Model& m) { m.validation.anchor_margin.reset(); }},
      {"gates", [](Model& m) { m.validation.gates.clear(); }},
      {"a gate's bound", [](Model& m) { m.validation.gates[0].above = 0.6; }},
      {"a gate's slices", [](Model& m) { m.validation.gates[1].slices->levels = 6; }},
      {"max_holdout_reuse", [](Model& m) { m.validation.max_holdout_reuse.reset(); }},
      {"max_artifact_size", [](Model& m) { m.validation.max_artifact_bytes.reset(); }},
      {"max_scoring_time", [](Model& m) { m.validation.max_scoring_time = Duration::zero(); }},
      {"schema", [](Model& m) { m.validation.schema = SchemaRule::any; }},
  };
  const std::vector<std::pair<const char*, Change>> of_the_rest = {
      {"name", [](Model& m) { m.name = "other"; }},
      {"timeout", [](Model& m) { m.training.timeout = hours(1); }},
      {"memory_limit", [](Model& m) { m.training.memory_limit_bytes += 1; }},
      {"threads", [](Model& m) { m.training.threads = 4; }},
      {"max_attempts", [](Model& m) { m.training.max_attempts = 5; }},
      {"log_limit", [](Model& m) { m.training.command.log_limit_bytes += 1; }},
      {"disk_limit", [](Model& m) { m.training.command.disk_limit_bytes += 1; }},
      {"max_processes", [](Model& m) { m.training.command.max_processes += 1; }},
      {"keep_data", [](Model& m) { m.training.keep_data = false; }},
      {"data", [](Model& m) { m.data = DataRules{}; }},
      {"leakage", [](Model& m) { m.data.leakage = 0.99; }},
      {"a column's rule", [](Model& m) { m.data.columns["price"].max = 5; }},
      {"scoring", [](Model& m) { m.scoring = Scoring{}; }},
      {"late_rows", [](Model& m) { m.late_rows = hours(1); }},
      {"late_labels", [](Model& m) { m.late_labels = hours(1); }},
      {"promotion", [](Model& m) { m.validation.promotion = PromotionMode::automatic; }},
      {"detect", [](Model& m) { m.validation.detect.reset(); }},
      {"broken_production", [](Model& m) { m.validation.broken_production = BrokenProduction::wait; }},
      {"shadow", [](Model& m) { m.validation.shadow = hours(1); }},
      {"bake", [](Model& m) { m.validation.bake = Duration::zero(); }},
      {"bake_tolerance", [](Model& m) { m.validation.bake_tolerance = 0; }},
      {"bake_confidence", [](Model& m) { m.validation.bake_confidence = 0.99; }},
      {"trial_every", [](Model& m) { m.validation.trial_every = hours(1); }},
      {"release", [](Model& m) { m.release = Release{}; }},
      {"webhook", [](Model& m) { m.release.webhook = "http://h"; }},
      {"triggers", [](Model& m) { m.triggers.pop_back(); }},
      {"a trigger", [](Model& m) { m.triggers[2].enabled = true; }},
  };
  const Model model = full_model();
  EXPECT_EQ(configuration_sha256(model), configuration_sha256(full_model()));
  EXPECT_EQ(pipeline_sha256(model).size(), 64u);
  const auto check = [&model](const auto& changes, bool changes_pipeline) {
    for (const auto& [what, change] : changes) {
      Model changed = model;
      change(changed);
      EXPECT_NE(configuration_sha256(changed), configuration_sha256(model)) << what;
      EXPECT_EQ(pipeline_sha256(changed) != pipeline_sha256(model), changes_pipeline) << what;
    }
  };
  check(of_the_pipeline, true);
  check(of_the_rest, false);
}

TEST(PipelineHash, KeepsTheHashOfAPipelineFromVersionToVersion) {
  // As the first version computed it: another one would make every upgraded daemon train everything anew.
  EXPECT_EQ(pipeline_sha256(first_model()), "d3850b8926b8de101e42847dcea2b450296719419964528bf943da9995f1c250");
}

TEST(PipelineHash, HashesAPipelineAsIfWhatIsAtItsDefaultHadNotBeenWritten) {
  // What the first version wrote, and the same with every newer key spelled out.
  const Model old = model_from_json(kOldestSnapshot);
  EXPECT_EQ(pipeline_sha256(model_from_json(to_json(old))), pipeline_sha256(old));
  Model afterwards = old;
  afterwards.validation.shadow = Duration::zero();
  afterwards.validation.trial_every = seconds(1);
  afterwards.release.directory = "/srv/models/power";
  EXPECT_EQ(pipeline_sha256(afterwards), pipeline_sha256(old));
  Model limited = old;
  limited.training.command.max_processes = 5;
  limited.data.min_rows = 5;
  limited.scoring.into = "predictions";
  EXPECT_EQ(pipeline_sha256(limited), pipeline_sha256(old));
  Model gated = old;
  gated.validation.max_holdout_reuse = 0;
  EXPECT_NE(pipeline_sha256(gated), pipeline_sha256(old));
}

}  // namespace
}  // namespace retraind::settings
