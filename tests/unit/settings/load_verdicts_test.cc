// How validations, gates and releases are loaded.

#include <gtest/gtest.h>

#include "core/settings/load.h"

namespace retraind::settings {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::filesystem::path kConfigs = std::filesystem::path(RETRAIND_SOURCE_DIR) / "tests" / "config";

const Gate& gate_of(const Model& model, std::string_view name) {
  for (const Gate& gate : model.validation.gates) {
    if (gate.name == name) return gate;
  }
  throw std::logic_error("no such gate");
}

TEST(LoadVerdicts, ReadsEveryKeyOfVerdictsGatesAndReleases) {
  const auto models = load(kConfigs / "verdicts.good.toml", "test-host").settings.models;
  const Model& churn = models.at("churn");
  EXPECT_EQ(churn.weight, "worth");
  EXPECT_EQ(churn.training.entity, "customer");
  EXPECT_TRUE(churn.training.refit);
  const Validation& v = churn.validation;
  EXPECT_EQ(v.metric, Metric::cost);
  EXPECT_EQ(v.anchor_margin, 2);
  EXPECT_FALSE(v.spend_alpha);
  EXPECT_EQ(v.detect, 0.25);
  EXPECT_EQ(v.threshold, 0.3);
  EXPECT_EQ(v.costs, (Costs{{"yes", {{"no", 5.0}, {"yes", 0.0}}}, {"no", {{"yes", 1e-3}}}}));
  EXPECT_EQ(v.max_holdout_reuse, 0u);
  EXPECT_EQ(v.max_artifact_bytes, std::uint64_t{50} << 20);
  EXPECT_EQ(v.max_scoring_time, milliseconds(20));
  EXPECT_EQ(v.schema, SchemaRule::same);
  EXPECT_EQ(v.broken_production, BrokenProduction::stand_in);
  EXPECT_EQ(v.shadow, Duration::zero());
  EXPECT_EQ(v.bake, hours(24 * 36500));
  EXPECT_EQ(v.bake_tolerance, 0.5);
  EXPECT_EQ(v.bake_confidence, 0.999);
  EXPECT_EQ(v.trial_every, seconds(1));

  const Gate& auc = gate_of(churn, "auc");
  EXPECT_EQ(auc.metric, Metric::auc);
  EXPECT_EQ(auc.above, 0.6);
  EXPECT_EQ(auc.below, 0.999);
  EXPECT_EQ(auc.max_drop, 0);
  EXPECT_EQ(auc.max_gain, 0.1);
  EXPECT_EQ(auc.confidence, 0.9);
  EXPECT_FALSE(auc.slices.has_value());
  const Gate& recall = gate_of(churn, "recall_by_plan");
  EXPECT_EQ(recall.slices.value().column, "plan");
  EXPECT_EQ(recall.slices.value().levels, 100u);
  EXPECT_EQ(recall.slices.value().min_rows, 1u);
  EXPECT_EQ(recall.above, std::nullopt);
  EXPECT_EQ(gate_of(churn, "cost").slices.value().column, "Country of Birth");
  EXPECT_EQ(gate_of(churn, "cost").slices.value().levels, 10u);
  EXPECT_EQ(gate_of(churn, "cost_too_good").max_gain, 2);

  EXPECT_EQ(churn.release.directory, "/srv/models/churn");
  EXPECT_EQ(churn.release.on_promote, (std::vector<std::string>{"/usr/local/bin/reload", "", "--model", "--model"}));
  EXPECT_EQ(churn.release.webhook, "https://hooks.example:8443/retraind/churn");
  EXPECT_EQ(churn.release.webhook_secret_file, "/etc/retraind/webhook.key");
  EXPECT_EQ(churn.release.timeout, hours(1));

  const Model& kind = models.at("kind");
  EXPECT_EQ(kind.validation.costs, (Costs{{"1", {{"2", 3.0}, {"3", 0.5}, {"4 or more", 1.0}}}}));
  EXPECT_EQ(gate_of(kind, "recall").of_class, "1");
  EXPECT_EQ(gate_of(kind, "recall_of_two").of_class, "2");
  EXPECT_EQ(models.at("price").validation.quantile, 0.9);
}

constexpr std::string_view kSmallFile =
    "[registry]\nconninfo = 'service=r'\n[source.s]\nconninfo = 'service=s'\n"
    "[model.m]\nsource = 's'\nquery = 'SELECT 1'\ntime_column = 'ts'\nlabel = 'up'\n";

// The [model.m] of a small file, with more lines in it.
Model model_with(std::string_view lines) {
  const Loaded loaded = load_text(std::string(kSmallFile) + std::string(lines), "test.toml", "host");
  for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
  return loaded.settings.models.at("m");
}

TEST(LoadVerdicts, NeverRepeatsASecretInTheAddressOfAWebhook) {
  for (const std::string url : {"http://u:hunter2@h", "https://hunter2@h:9090/x", "http://h/?k=hunter2", "h:hunter2@x",
                                "https://h/#hunter2", "http://hunter2 x"}) {
    const std::string release = "release.webhook = '" + url + "'";
    const Loaded loaded = load_text(std::string(kSmallFile) + release, "test.toml", "host");
    ASSERT_EQ(loaded.complaints.size(), 1u) << url;
    EXPECT_EQ(loaded.complaints[0].text().find("hunter2"), std::string::npos) << loaded.complaints[0].text();
  }
}

TEST(LoadVerdicts, NamesAGateByItsMetricAndItsColumnWhereThatIsAName) {
  const auto name_of = [](const std::string& lines) {
    return model_with("[[model.m.validation.gate]]\n" + lines).validation.gates.at(0).name;
  };
  EXPECT_EQ(name_of("max_drop = 1"), "log_loss");
  EXPECT_EQ(name_of("metric = 'auc'\nabove = 0.5"), "auc");
  EXPECT_EQ(name_of("max_drop = 1\nslice = 'region'"), "log_loss_by_region");
  EXPECT_EQ(name_of("max_drop = 1\nslice = 'Region'"), "log_loss");
  EXPECT_EQ(name_of("max_drop = 1\nslice = '" + std::string(51, 'x') + "'"), "log_loss_by_" + std::string(51, 'x'));
  EXPECT_EQ(name_of("max_drop = 1\nslice = '" + std::string(52, 'x') + "'"), "log_loss");
  EXPECT_EQ(name_of("max_drop = 1\nslice = 'region'\nname = 'regions'"), "regions");
}

TEST(LoadVerdicts, TakesNoNameOfAGateThatEveryModelHas) {
  for (const std::string name :
       {"holdout_rows", "clusters", "opponent", "predictions", "package", "schema", "holdout_reuse", "artifact_size",
        "scoring_time", "difference", "anchor", "refit_predictions", "refit_package", "refit_agreement"}) {
    const std::string gate = "[[model.m.validation.gate]]\nmax_drop = 1\nname = '" + name + "'";
    const Loaded loaded = load_text(std::string(kSmallFile) + gate, "test.toml", "host");
    ASSERT_EQ(loaded.complaints.size(), 1u) << name;
    EXPECT_NE(loaded.complaints[0].message.find("\"" + name + "\""), std::string::npos);
  }
}

// A bound that is always or never met decides nothing; one a hair further may.
TEST(LoadVerdicts, RefusesBoundsOfAGateThatSayNothing) {
  const auto complaints = [](const std::string& task, const std::string& metric, const std::string& bound) {
    const std::string text = std::string(kSmallFile) + "task = '" + task +
                             "'\n[[model.m.validation.gate]]\nmetric = '" + metric + "'\n" + bound;
    return load_text(text, "test.toml", "host").complaints.size();
  };
  for (const std::string metric :
       {"accuracy", "auc", "f1", "brier", "average_precision", "precision", "recall", "calibration_error"}) {
    for (const std::string bound : {"above = 0", "above = 1", "below = 0", "below = 1", "max_drop = 1", "max_gain = 1",
                                    "above = -0.1", "below = 1.1"}) {
      EXPECT_EQ(complaints("binary", metric, bound), 1u) << metric << " " << bound;
    }
    for (const std::string bound : {"above = 1e-9", "above = 0.999", "below = 1e-9", "below = 0.999", "max_drop = 0",
                                    "max_drop = 0.999", "max_gain = 0.999"}) {
      EXPECT_EQ(complaints("binary", metric, bound), 0u) << metric << " " << bound;
    }
  }
  for (const std::string metric : {"rmse", "mae", "mape", "pinball"}) {
    EXPECT_EQ(complaints("regression", metric, "above = 0"), 1u) << metric;
    EXPECT_EQ(complaints("regression", metric, "below = 0"), 1u) << metric;
    EXPECT_EQ(complaints("regression", metric, "below = 70\nmax_drop = 5\nmax_gain = 5"), 0u) << metric;
  }
  EXPECT_EQ(complaints("regression", "r2", "above = 1"), 1u);
  EXPECT_EQ(complaints("regression", "r2", "above = -3"), 0u);
  EXPECT_EQ(complaints("regression", "bias", "above = -3\nbelow = 3"), 0u);
  EXPECT_EQ(complaints("regression", "bias", "max_drop = 3"), 1u);
  EXPECT_EQ(complaints("binary", "calibration_slope", "max_gain = 3"), 1u);
  EXPECT_EQ(complaints("binary", "cost", "below = 7\nmax_drop = 3"), 0u);
}

TEST(LoadVerdicts, LetsOnlyMetricsThatAreOrderedDecide) {
  for (const std::string_view word : words_of<Metric>()) {
    for (const std::string_view task : words_of<Task>()) {
      const Metric metric = *parse<Metric>(word);
      const Task of = *parse<Task>(task);
      const bool decides = applies_to(metric, of) && metric != Metric::calibration_slope && metric != Metric::bias &&
                           !(metric == Metric::recall && of == Task::multiclass);
      const std::string text = std::string(kSmallFile) + "task = '" + std::string(task) + "'\nvalidation.metric = '" +
                               std::string(word) + "'";
      EXPECT_EQ(load_text(text, "test.toml", "host").complaints.empty(), decides) << word << " " << task;
    }
  }
}

}  // namespace
}  // namespace retraind::settings
