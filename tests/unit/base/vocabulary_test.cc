#include "core/base/vocabulary.h"

#include <gtest/gtest.h>

#include <cctype>
#include <set>

namespace retraind {
namespace {

// What holds for the words of every enumeration.
template <class E>
class Words : public testing::Test {};

using Enumerations = testing::Types<Task, Metric, Verdict, RunState, Step, TriggerKind, FiringDecision, TriggerPhase,
                                    CatchUp, Anchor, Rule, PromotionMode, PromotionKind>;
TYPED_TEST_SUITE(Words, Enumerations);

TYPED_TEST(Words, AreReadBackToTheEnumeratorTheyStandFor) {
  const auto words = words_of<TypeParam>();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto value = static_cast<TypeParam>(i);
    EXPECT_EQ(to_text(value), words[i]);
    EXPECT_EQ(parse<TypeParam>(words[i]), value);
  }
}

TYPED_TEST(Words, AreDistinctAndFitForSql) {
  std::set<std::string_view> seen;
  for (const std::string_view word : words_of<TypeParam>()) {
    EXPECT_TRUE(seen.insert(word).second) << word;
    EXPECT_FALSE(word.empty());
    for (const char c : word) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '_' || std::isdigit(c) != 0) << word;
  }
}

TYPED_TEST(Words, AreRefusedInAnyOtherSpelling) {
  const std::string word(words_of<TypeParam>().front());
  EXPECT_EQ(parse<TypeParam>(""), std::nullopt);
  EXPECT_EQ(parse<TypeParam>(word + " "), std::nullopt);
  EXPECT_EQ(parse<TypeParam>(word.substr(1)), std::nullopt);
  EXPECT_EQ(parse<TypeParam>(static_cast<char>(std::toupper(word[0])) + word.substr(1)), std::nullopt);
}

// The spelling is stored in registries: it may never change, nor may the order, which numbers stored elsewhere follow.
TEST(Vocabulary, SpellsEachWordAsItsEnumerator) {
#define EXPECT_SPELLED(type, name) EXPECT_EQ(to_text(type::name), #name)
  EXPECT_SPELLED(Task, binary);
  EXPECT_SPELLED(Task, multiclass);
  EXPECT_SPELLED(Task, regression);
  EXPECT_SPELLED(Metric, accuracy);
  EXPECT_SPELLED(Metric, log_loss);
  EXPECT_SPELLED(Metric, auc);
  EXPECT_SPELLED(Metric, f1);
  EXPECT_SPELLED(Metric, brier);
  EXPECT_SPELLED(Metric, macro_f1);
  EXPECT_SPELLED(Metric, rmse);
  EXPECT_SPELLED(Metric, mae);
  EXPECT_SPELLED(Metric, r2);
  EXPECT_SPELLED(Verdict, promote);
  EXPECT_SPELLED(Verdict, reject);
  EXPECT_SPELLED(Verdict, inconclusive);
  EXPECT_SPELLED(RunState, queued);
  EXPECT_SPELLED(RunState, running);
  EXPECT_SPELLED(RunState, awaiting_approval);
  EXPECT_SPELLED(RunState, promoted);
  EXPECT_SPELLED(RunState, rejected);
  EXPECT_SPELLED(RunState, inconclusive);
  EXPECT_SPELLED(RunState, failed);
  EXPECT_SPELLED(RunState, cancelled);
  EXPECT_SPELLED(Step, extract);
  EXPECT_SPELLED(Step, validate_data);
  EXPECT_SPELLED(Step, train);
  EXPECT_SPELLED(Step, evaluate);
  EXPECT_SPELLED(Step, release);
  EXPECT_SPELLED(TriggerKind, schedule);
  EXPECT_SPELLED(TriggerKind, new_rows);
  EXPECT_SPELLED(TriggerKind, drift);
  EXPECT_SPELLED(TriggerKind, performance);
  EXPECT_SPELLED(TriggerKind, signal);
  EXPECT_SPELLED(TriggerKind, query);
  EXPECT_SPELLED(TriggerKind, prometheus);
  EXPECT_SPELLED(TriggerKind, manual);
  EXPECT_SPELLED(TriggerKind, pipeline_change);
  EXPECT_SPELLED(FiringDecision, fired);
  EXPECT_SPELLED(FiringDecision, pending);
  EXPECT_SPELLED(FiringDecision, suppressed);
  EXPECT_SPELLED(FiringDecision, insufficient_data);
  EXPECT_SPELLED(FiringDecision, error);
  EXPECT_SPELLED(TriggerPhase, inactive);
  EXPECT_SPELLED(TriggerPhase, pending);
  EXPECT_SPELLED(TriggerPhase, firing);
  EXPECT_SPELLED(CatchUp, latest);
  EXPECT_SPELLED(CatchUp, all);
  EXPECT_SPELLED(CatchUp, none);
  EXPECT_SPELLED(Anchor, data);
  EXPECT_SPELLED(Anchor, wall);
  EXPECT_SPELLED(Rule, superior);
  EXPECT_SPELLED(Rule, non_inferior);
  EXPECT_SPELLED(PromotionMode, automatic);
  EXPECT_SPELLED(PromotionMode, manual);
  EXPECT_SPELLED(PromotionKind, promotion);
  EXPECT_SPELLED(PromotionKind, rollback);
#undef EXPECT_SPELLED
}

TEST(Vocabulary, ListsWordsForComplaints) {
  EXPECT_EQ(list_words<CatchUp>(), "latest, all or none");
  EXPECT_EQ(list_words<Anchor>(), "data or wall");
}

TEST(Metrics, AreEachEitherAScoreOrALoss) {
  std::set<std::string_view> scores;
  for (const std::string_view word : words_of<Metric>()) {
    if (higher_is_better(*parse<Metric>(word))) scores.insert(word);
  }
  EXPECT_EQ(scores, (std::set<std::string_view>{"accuracy", "auc", "f1", "macro_f1", "r2", "average_precision",
                                                "precision", "recall", "weighted_f1", "macro_auc"}));
}

TEST(Metrics, AreMeansOfRowLossesWhereADifferenceHasAClosedForm) {
  std::set<std::string_view> means;
  for (const std::string_view word : words_of<Metric>()) {
    if (is_mean_of_row_losses(*parse<Metric>(word))) means.insert(word);
  }
  EXPECT_EQ(means,
            (std::set<std::string_view>{"accuracy", "log_loss", "brier", "mae", "cost", "mape", "pinball", "bias"}));
}

TEST(Metrics, HaveABestValueInTheMiddleWhereTheyAreNotOrdered) {
  for (const std::string_view word : words_of<Metric>()) {
    EXPECT_EQ(is_ordered(*parse<Metric>(word)), word != "calibration_slope" && word != "bias") << word;
  }
}

TEST(Metrics, AddUpOverBlocksWhereSumsAreKeptForThem) {
  std::set<std::string_view> sums;
  for (const std::string_view word : words_of<Metric>()) {
    if (adds_up(*parse<Metric>(word))) sums.insert(word);
  }
  EXPECT_EQ(sums, (std::set<std::string_view>{"accuracy", "log_loss", "auc", "f1", "brier", "macro_f1", "rmse", "mae",
                                              "r2"}));
}

TEST(Metrics, ApplyToTheTasksTheyAreDefinedFor) {
  const auto metrics_of = [](Task task) {
    std::set<std::string_view> metrics;
    for (const std::string_view word : words_of<Metric>()) {
      if (applies_to(*parse<Metric>(word), task)) metrics.insert(word);
    }
    return metrics;
  };
  using Names = std::set<std::string_view>;
  EXPECT_EQ(metrics_of(Task::binary), (Names{"accuracy", "log_loss", "auc", "f1", "brier", "average_precision",
                                             "precision", "recall", "calibration_error", "calibration_slope", "cost"}));
  EXPECT_EQ(metrics_of(Task::multiclass),
            (Names{"accuracy", "log_loss", "macro_f1", "recall", "weighted_f1", "macro_auc", "cost"}));
  EXPECT_EQ(metrics_of(Task::regression), (Names{"rmse", "mae", "r2", "mape", "pinball", "bias"}));
}

}  // namespace
}  // namespace retraind
