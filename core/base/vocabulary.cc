#include "core/base/vocabulary.h"

#include <stdexcept>

namespace retraind {
namespace {

constexpr std::array<std::string_view, 3> kTasks = {"binary", "multiclass", "regression"};
constexpr std::array<std::string_view, 20> kMetrics = {"accuracy",
                                                       "log_loss",
                                                       "auc",
                                                       "f1",
                                                       "brier",
                                                       "macro_f1",
                                                       "rmse",
                                                       "mae",
                                                       "r2",
                                                       "average_precision",
                                                       "precision",
                                                       "recall",
                                                       "calibration_error",
                                                       "calibration_slope",
                                                       "weighted_f1",
                                                       "macro_auc",
                                                       "cost",
                                                       "mape",
                                                       "pinball",
                                                       "bias"};
constexpr std::array<std::string_view, 3> kVerdicts = {"promote", "reject", "inconclusive"};
constexpr std::array<std::string_view, 9> kRunStates = {"queued",   "running",   "awaiting_approval",
                                                        "promoted", "rejected",  "inconclusive",
                                                        "failed",   "cancelled", "shadowing"};
constexpr std::array<std::string_view, 5> kSteps = {"extract", "validate_data", "train", "evaluate", "release"};
constexpr std::array<std::string_view, 10> kTriggerKinds = {"schedule", "new_rows",       "drift",      "performance",
                                                            "signal",   "query",          "prometheus", "freshness",
                                                            "manual",   "pipeline_change"};
constexpr std::array<std::string_view, 7> kFiringDecisions = {"fired", "pending", "suppressed", "insufficient_data",
                                                              "error", "alert",   "resolved"};
constexpr std::array<std::string_view, 3> kTriggerPhases = {"inactive", "pending", "firing"};
constexpr std::array<std::string_view, 3> kCatchUps = {"latest", "all", "none"};
constexpr std::array<std::string_view, 2> kAnchors = {"data", "wall"};
constexpr std::array<std::string_view, 2> kRules = {"superior", "non_inferior"};
constexpr std::array<std::string_view, 2> kPromotionModes = {"automatic", "manual"};
constexpr std::array<std::string_view, 2> kPromotionKinds = {"promotion", "rollback"};
constexpr std::array<std::string_view, 3> kGateOutcomes = {"passed", "failed", "undecided"};
constexpr std::array<std::string_view, 2> kBrokenProductions = {"wait", "stand_in"};
constexpr std::array<std::string_view, 2> kSchemaRules = {"any", "same"};
constexpr std::array<std::string_view, 2> kTrialKinds = {"shadow", "bake"};
constexpr std::array<std::string_view, 9> kTrialOutcomes = {
    "promoted", "awaiting_approval", "rejected", "expired", "kept", "rolled_back", "overtaken", "failed", "cancelled"};
constexpr std::array<std::string_view, 3> kReleaseTargets = {"directory", "command", "webhook"};
constexpr std::array<std::string_view, 9> kDriftMethods = {
    "jensen_shannon", "chi_square", "ks", "psi", "wasserstein", "hellinger", "null_rate", "unseen", "out_of_range"};
constexpr std::array<std::string_view, 4> kColumnRoles = {"feature", "score", "label", "time"};
constexpr std::array<std::string_view, 3> kCalibrations = {"blocks", "design_effect", "uncalibrated"};
constexpr std::array<std::string_view, 3> kDetectors = {"adwin", "page_hinkley", "risk"};
constexpr std::array<std::string_view, 3> kNoDatas = {"ignore", "fire", "alert"};
constexpr std::array<std::string_view, 2> kExpectedSchemas = {"learned", "any"};
constexpr std::array<std::string_view, 2> kValueBreaks = {"stop", "warn"};
constexpr std::array<std::string_view, 3> kFindingKinds = {"schema", "value", "warning"};
constexpr std::array<std::string_view, 3> kProgressUnits = {"rows", "rounds", "steps"};

// An enumerator added at the end of its enumeration without a word here must not compile.
template <class E, std::size_t Count>
constexpr bool ends_with(const std::array<std::string_view, Count>&, E last) {
  return static_cast<std::size_t>(last) + 1 == Count;
}
static_assert(ends_with(kTasks, Task::regression));
static_assert(ends_with(kMetrics, Metric::bias));
static_assert(ends_with(kVerdicts, Verdict::inconclusive));
static_assert(ends_with(kRunStates, RunState::shadowing));
static_assert(ends_with(kSteps, Step::release));
static_assert(ends_with(kTriggerKinds, TriggerKind::pipeline_change));
static_assert(ends_with(kFiringDecisions, FiringDecision::resolved));
static_assert(ends_with(kTriggerPhases, TriggerPhase::firing));
static_assert(ends_with(kCatchUps, CatchUp::none));
static_assert(ends_with(kAnchors, Anchor::wall));
static_assert(ends_with(kRules, Rule::non_inferior));
static_assert(ends_with(kPromotionModes, PromotionMode::manual));
static_assert(ends_with(kPromotionKinds, PromotionKind::rollback));
static_assert(ends_with(kGateOutcomes, GateOutcome::undecided));
static_assert(ends_with(kBrokenProductions, BrokenProduction::stand_in));
static_assert(ends_with(kSchemaRules, SchemaRule::same));
static_assert(ends_with(kTrialKinds, TrialKind::bake));
static_assert(ends_with(kTrialOutcomes, TrialOutcome::cancelled));
static_assert(ends_with(kReleaseTargets, ReleaseTarget::webhook));
static_assert(ends_with(kDriftMethods, DriftMethod::out_of_range));
static_assert(ends_with(kColumnRoles, ColumnRole::time));
static_assert(ends_with(kCalibrations, Calibration::uncalibrated));
static_assert(ends_with(kDetectors, Detector::risk));
static_assert(ends_with(kNoDatas, NoData::alert));
static_assert(ends_with(kExpectedSchemas, ExpectedSchema::any));
static_assert(ends_with(kValueBreaks, ValueBreak::warn));
static_assert(ends_with(kFindingKinds, FindingKind::warning));
static_assert(ends_with(kProgressUnits, ProgressUnit::steps));

}  // namespace

template <>
std::span<const std::string_view> words_of<Task>() {
  return kTasks;
}
template <>
std::span<const std::string_view> words_of<Metric>() {
  return kMetrics;
}
template <>
std::span<const std::string_view> words_of<Verdict>() {
  return kVerdicts;
}
template <>
std::span<const std::string_view> words_of<RunState>() {
  return kRunStates;
}
template <>
std::span<const std::string_view> words_of<Step>() {
  return kSteps;
}
template <>
std::span<const std::string_view> words_of<TriggerKind>() {
  return kTriggerKinds;
}
template <>
std::span<const std::string_view> words_of<FiringDecision>() {
  return kFiringDecisions;
}
template <>
std::span<const std::string_view> words_of<TriggerPhase>() {
  return kTriggerPhases;
}
template <>
std::span<const std::string_view> words_of<CatchUp>() {
  return kCatchUps;
}
template <>
std::span<const std::string_view> words_of<Anchor>() {
  return kAnchors;
}
template <>
std::span<const std::string_view> words_of<Rule>() {
  return kRules;
}
template <>
std::span<const std::string_view> words_of<PromotionMode>() {
  return kPromotionModes;
}
template <>
std::span<const std::string_view> words_of<PromotionKind>() {
  return kPromotionKinds;
}
template <>
std::span<const std::string_view> words_of<GateOutcome>() {
  return kGateOutcomes;
}
template <>
std::span<const std::string_view> words_of<BrokenProduction>() {
  return kBrokenProductions;
}
template <>
std::span<const std::string_view> words_of<SchemaRule>() {
  return kSchemaRules;
}
template <>
std::span<const std::string_view> words_of<TrialKind>() {
  return kTrialKinds;
}
template <>
std::span<const std::string_view> words_of<TrialOutcome>() {
  return kTrialOutcomes;
}
template <>
std::span<const std::string_view> words_of<ReleaseTarget>() {
  return kReleaseTargets;
}
template <>
std::span<const std::string_view> words_of<DriftMethod>() {
  return kDriftMethods;
}
template <>
std::span<const std::string_view> words_of<ColumnRole>() {
  return kColumnRoles;
}
template <>
std::span<const std::string_view> words_of<Calibration>() {
  return kCalibrations;
}
template <>
std::span<const std::string_view> words_of<Detector>() {
  return kDetectors;
}
template <>
std::span<const std::string_view> words_of<NoData>() {
  return kNoDatas;
}
template <>
std::span<const std::string_view> words_of<ExpectedSchema>() {
  return kExpectedSchemas;
}
template <>
std::span<const std::string_view> words_of<ValueBreak>() {
  return kValueBreaks;
}
template <>
std::span<const std::string_view> words_of<FindingKind>() {
  return kFindingKinds;
}
template <>
std::span<const std::string_view> words_of<ProgressUnit>() {
  return kProgressUnits;
}

bool higher_is_better(Metric metric) {
  switch (metric) {
    case Metric::accuracy:
    case Metric::auc:
    case Metric::f1:
    case Metric::macro_f1:
    case Metric::r2:
    case Metric::average_precision:
    case Metric::precision:
    case Metric::recall:
    case Metric::weighted_f1:
    case Metric::macro_auc:
      return true;
    case Metric::log_loss:
    case Metric::brier:
    case Metric::rmse:
    case Metric::mae:
    case Metric::calibration_error:
    case Metric::calibration_slope:
    case Metric::cost:
    case Metric::mape:
    case Metric::pinball:
    case Metric::bias:
      return false;
  }
  throw std::logic_error("not a metric");
}

bool is_ordered(Metric metric) {
  return metric != Metric::calibration_slope && metric != Metric::bias;
}

bool is_mean_of_row_losses(Metric metric) {
  switch (metric) {
    case Metric::accuracy:
    case Metric::log_loss:
    case Metric::brier:
    case Metric::mae:
    case Metric::cost:
    case Metric::mape:
    case Metric::pinball:
    case Metric::bias:
      return true;
    default:
      return false;
  }
}

bool applies_to(Metric metric, Task task) {
  switch (metric) {
    case Metric::accuracy:
    case Metric::log_loss:
    case Metric::recall:
    case Metric::cost:
      return task != Task::regression;
    case Metric::auc:
    case Metric::f1:
    case Metric::brier:
    case Metric::average_precision:
    case Metric::precision:
    case Metric::calibration_error:
    case Metric::calibration_slope:
      return task == Task::binary;
    case Metric::macro_f1:
    case Metric::weighted_f1:
    case Metric::macro_auc:
      return task == Task::multiclass;
    case Metric::rmse:
    case Metric::mae:
    case Metric::r2:
    case Metric::mape:
    case Metric::pinball:
    case Metric::bias:
      return task == Task::regression;
  }
  throw std::logic_error("not a metric");
}

bool adds_up(Metric metric) {
  return metric <= Metric::r2;
}

}  // namespace retraind
