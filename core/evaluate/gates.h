#pragma once
// The gates one by one: each from what it needs to its row. Private to core/evaluate. Pure. A gate whose input is
// missing, not a number or at odds with itself is undecided, whatever else holds.

#include <optional>
#include <string>
#include <vector>

#include "core/evaluate/decide.h"

namespace retraind::evaluate {

// "1 row", "20 rows".
std::string counted(std::uint64_t count, const char* one);
// "version 5".
std::string spell_version(int version);
// Why an interval is of no use; empty when it is.
std::string why_unusable(const stats::Interval& interval);
// Observed value and bounds as far as they are numbers.
void record(GateResult& gate, const stats::Interval& interval);

GateResult judge_rows(const Comparison& comparison, const settings::Validation& validation);
GateResult judge_clusters(const Comparison& comparison);

// Who was the opponent, and whether that is who should have been.
struct OpponentJudged {
  GateResult gate;
  bool is_production = false;   // production itself was scored
  bool needs_a_person = false;  // it was not, and a person must decide
};
OpponentJudged judge_opponent(const Comparison& comparison, const Circumstances& circumstances,
                              const settings::Validation& validation);

// `needed`: rows that must have been looked at.
GateResult judge_predictions(std::string name, const PredictionFacts& facts, std::uint64_t needed);
// `judged_again`: it is the package that was compared when it was made.
GateResult judge_package(std::string name, const CandidateFacts& facts, bool judged_again);
GateResult judge_schema(const CandidateFacts& facts, const Circumstances& circumstances,
                        const settings::Validation& validation);
GateResult judge_reuse(const Circumstances& circumstances, const settings::Validation& validation);
GateResult judge_artifact_size(const CandidateFacts& facts, const Circumstances& circumstances,
                               std::uint64_t max_bytes);
GateResult judge_scoring_time(const CandidateFacts& facts, double max_seconds);
GateResult judge_agreement(const RefitFacts& refit);

struct DifferenceJudged {
  GateResult gate;
  bool more_rows_can_settle = false;  // undecided by the width of the interval, or for want of rows to have one
};
DifferenceJudged judge_difference(const Comparison& comparison, const Circumstances& circumstances,
                                  const settings::Validation& validation);

struct AnchorJudged {
  GateResult gate;
  // Judged by the difference, which is no looser than it: settled as soon as that is.
  bool follows_difference = false;
  // The best version so far does not load, and nothing else says how far quality has slid.
  bool needs_a_person = false;
};
// std::nullopt where the rule does not ask for an anchor, or there is no version yet.
std::optional<AnchorJudged> judge_anchor(const Comparison& comparison, const Circumstances& circumstances,
                                         const settings::Validation& validation, bool needs_a_person);
// Whether the candidate is surely better than the best version so far that could be measured.
bool surely_best(const Comparison& comparison, const Circumstances& circumstances);

// The rows of the configured gate at `place`.
std::vector<GateResult> judge_configured(const Comparison& comparison, const settings::Gate& gate, std::size_t place);

// How much these rows could have shown: "1000 rows show a true difference of 0.025 accuracy four times in five, …".
// Empty where it is not known.
std::string spell_power(const Comparison& comparison, const settings::Validation& validation);

}  // namespace retraind::evaluate
