#include "core/evaluate/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "core/evaluate/gates.h"

namespace retraind::evaluate {
namespace {

bool has(const std::vector<GateResult>& gates, GateOutcome outcome) {
  return std::any_of(gates.begin(), gates.end(), [&](const GateResult& gate) { return gate.outcome == outcome; });
}

const GateResult& find(const std::vector<GateResult>& gates, std::string_view name) {
  return *std::find_if(gates.begin(), gates.end(), [&](const GateResult& gate) { return gate.gate == name; });
}

std::string full_name(const GateResult& gate) {
  return gate.slice.empty() ? gate.gate : fmt::format("{} [{}]", gate.gate, gate.slice);
}

// The rows of a gate that has slices: whether a level could be judged is for the whole column to say.
bool counts(const GateResult& gate, const settings::Validation& validation) {
  if (gate.slice.empty() || gate.outcome == GateOutcome::failed) return true;
  return std::any_of(validation.gates.begin(), validation.gates.end(), [&](const settings::Gate& configured) {
    return configured.name == gate.gate && configured.slices && configured.slices->column == gate.slice;
  });
}

// Whatever a handful of rows says against a candidate, it is too early to hold that against it.
void withhold(GateResult& gate) {
  if (gate.outcome != GateOutcome::failed) return;
  gate.outcome = GateOutcome::undecided;
  gate.sentence += "; too few rows to hold against it";
}

std::string join(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

std::string reason_to_reject(std::vector<const GateResult*> failed) {
  const auto difference =
      std::find_if(failed.begin(), failed.end(), [](auto* gate) { return gate->gate == "difference"; });
  if (difference != failed.end()) std::rotate(failed.begin(), difference, difference + 1);
  std::string out = failed.front()->gate == "difference"
                        ? failed.front()->sentence
                        : fmt::format("gate {}: {}", full_name(*failed.front()), failed.front()->sentence);
  std::vector<std::string> others;
  for (std::size_t i = 1; i < failed.size(); ++i) others.push_back(full_name(*failed[i]));
  if (!others.empty()) out += "; failed too: " + join(others, ", ");
  return out;
}

std::string reason_to_wait(const std::vector<const GateResult*>& undecided, const Comparison& comparison,
                           const settings::Validation& validation) {
  // The rows and the clusters say whether there is anything to judge by; only then does the difference speak.
  std::vector<std::string> said;
  std::vector<std::string> others;
  for (const GateResult* gate : undecided) {
    const bool first = gate->gate == "holdout_rows" || gate->gate == "clusters";
    if (first && std::find(said.begin(), said.end(), gate->sentence) == said.end()) said.push_back(gate->sentence);
  }
  for (const GateResult* gate : undecided) {
    if (gate->gate == "holdout_rows" || gate->gate == "clusters") continue;
    if (gate->gate == "difference") {
      if (said.empty()) said.push_back(gate->sentence);
      continue;
    }
    others.push_back(full_name(*gate));
  }
  if (said.empty()) {
    said.push_back(fmt::format("gate {}: {}", others.front(), undecided.front()->sentence));
    others.erase(others.begin());
  }
  if (!others.empty()) said.push_back("undecided too: " + join(others, ", "));
  const std::string power = spell_power(comparison, validation);
  if (!power.empty()) said.push_back(power);
  return join(said, "; ");
}

}  // namespace

double spent_confidence(const settings::Validation& validation, std::uint64_t attempts) {
  const double confidence = validation.confidence;
  if (!(confidence > 0 && confidence < 1)) throw std::logic_error("a confidence outside (0, 1)");
  if (!validation.spend_alpha) return confidence;
  const double k = static_cast<double>(attempts) + 1;
  const double alpha = 6 * (1 - confidence) / (std::numbers::pi * std::numbers::pi * k * k);
  // After some ten million attempts the level would round to 1, which no interval has.
  return std::min(1 - alpha, std::nextafter(1.0, 0.0));
}

Decision decide(const Comparison& comparison, const CandidateFacts& facts, const Circumstances& circumstances,
                const settings::Validation& validation) {
  Decision decision;
  std::vector<GateResult>& gates = decision.gates;
  gates.push_back(judge_rows(comparison, validation));
  gates.push_back(judge_clusters(comparison));
  const bool enough = gates[0].passed() && (gates[1].passed() || !comparison.difference);

  OpponentJudged opponent = judge_opponent(comparison, circumstances, validation);
  gates.push_back(std::move(opponent.gate));
  gates.push_back(judge_predictions("predictions", facts.predictions, comparison.rows));
  // A handful of rows may be alike to a model that tells others apart.
  const PredictionFacts& said = facts.predictions;
  const bool alike_at_most = said.invalid == 0 && said.out_of_range == 0;
  if (alike_at_most && said.rows < validation.min_holdout_rows) withhold(gates.back());
  gates.push_back(judge_package("package", facts, circumstances.judged_again));
  gates.push_back(judge_schema(facts, circumstances, validation));
  gates.push_back(judge_reuse(circumstances, validation));
  if (validation.max_artifact_bytes) {
    gates.push_back(judge_artifact_size(facts, circumstances, *validation.max_artifact_bytes));
  }
  if (validation.max_scoring_time > Duration::zero()) {
    const double seconds = std::chrono::duration<double>(validation.max_scoring_time).count();
    gates.push_back(judge_scoring_time(facts, seconds));
  }

  const std::size_t measured = gates.size();
  DifferenceJudged difference = judge_difference(comparison, circumstances, validation);
  gates.push_back(std::move(difference.gate));
  bool anchor_follows = false;
  bool anchor_needs_a_person = false;
  if (auto anchor = judge_anchor(comparison, circumstances, validation, opponent.needs_a_person)) {
    anchor_follows = anchor->follows_difference;
    anchor_needs_a_person = anchor->needs_a_person;
    gates.push_back(std::move(anchor->gate));
  }
  for (std::size_t i = 0; i < validation.gates.size(); ++i) {
    std::vector<GateResult> rows = judge_configured(comparison, validation.gates[i], i);
    std::move(rows.begin(), rows.end(), std::back_inserter(gates));
  }
  if (!enough) std::for_each(gates.begin() + static_cast<std::ptrdiff_t>(measured), gates.end(), withhold);

  if (circumstances.refit) {
    const RefitFacts& refit = *circumstances.refit;
    gates.push_back(judge_predictions("refit_predictions", refit.candidate.predictions, 1));
    gates.push_back(judge_package("refit_package", refit.candidate, false));
    gates.push_back(judge_agreement(refit));
  }

  // An anchor that goes the way of the difference, by the same numbers, is no further reason.
  const auto repeats = [&](const GateResult& gate) {
    return anchor_follows && gate.gate == "anchor" && gate.outcome == find(gates, "difference").outcome;
  };
  std::vector<const GateResult*> undecided;
  for (const GateResult& gate : gates) {
    if (gate.outcome == GateOutcome::undecided && counts(gate, validation) && !repeats(gate)) {
      undecided.push_back(&gate);
    }
  }
  if (has(gates, GateOutcome::failed)) {
    std::vector<const GateResult*> failed;
    for (const GateResult& gate : gates) {
      if (gate.outcome == GateOutcome::failed && !repeats(gate)) failed.push_back(&gate);
    }
    decision.verdict = Verdict::reject;
    decision.reason = reason_to_reject(std::move(failed));
  } else if (!undecided.empty()) {
    decision.verdict = Verdict::inconclusive;
    decision.reason = reason_to_wait(undecided, comparison, validation);
    // A shadow that wins is promoted without being asked about again.
    decision.more_rows_can_settle = opponent.is_production && !anchor_needs_a_person &&
                                    difference.more_rows_can_settle &&
                                    std::all_of(undecided.begin(), undecided.end(), [&](const GateResult* gate) {
                                      return gate->gate == "holdout_rows" || gate->gate == "clusters" ||
                                             gate->gate == "difference" || (gate->gate == "anchor" && anchor_follows);
                                    });
  } else {
    decision.verdict = Verdict::promote;
    decision.reason = find(gates, "difference").sentence;
    if (opponent.needs_a_person) {
      decision.reason += "; " + find(gates, "opponent").sentence;
    } else if (anchor_needs_a_person) {
      decision.reason += "; " + find(gates, "anchor").sentence;
    }
    decision.needs_a_person = opponent.needs_a_person || anchor_needs_a_person;
    decision.becomes_anchor = surely_best(comparison, circumstances);
  }
  return decision;
}

}  // namespace retraind::evaluate
