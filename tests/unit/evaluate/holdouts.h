#pragma once
// Holdouts made up for tests.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/vocabulary.h"
#include "core/evaluate/compare.h"
#include "core/evaluate/decide.h"

namespace retraind::evaluate {

inline std::vector<std::uint32_t> each_row_by_itself(std::size_t rows) {
  std::vector<std::uint32_t> clusters(rows);
  std::iota(clusters.begin(), clusters.end(), 0U);
  return clusters;
}

inline std::vector<std::uint32_t> blocks_of(std::size_t rows, std::size_t length) {
  std::vector<std::uint32_t> clusters(rows);
  for (std::size_t i = 0; i < rows; ++i) clusters[i] = static_cast<std::uint32_t>(i / length);
  return clusters;
}

// How rows of two classes turned out for the two models.
struct Outcomes {
  std::size_t both_right = 0;
  std::size_t only_candidate = 0;
  std::size_t only_opponent = 0;
  std::size_t both_wrong = 0;
};

// Binary rows with alternating labels; a right answer has probability 0.8 for the true class, a wrong one 0.2.
inline Holdout binary_holdout(const Outcomes& outcomes) {
  Holdout holdout;
  holdout.task = Task::binary;
  holdout.classes = 2;
  const auto add = [&](std::size_t rows, bool candidate_right, bool opponent_right) {
    for (std::size_t i = 0; i < rows; ++i) {
      const bool positive = holdout.labels.size() % 2 == 1;
      holdout.labels.push_back(positive ? 1 : 0);
      holdout.candidate.push_back(positive == candidate_right ? 0.8 : 0.2);
      holdout.opponent.push_back(positive == opponent_right ? 0.8 : 0.2);
    }
  };
  add(outcomes.both_right, true, true);
  add(outcomes.only_candidate, true, false);
  add(outcomes.only_opponent, false, true);
  add(outcomes.both_wrong, false, false);
  holdout.clusters = each_row_by_itself(holdout.labels.size());
  return holdout;
}

// Rows of any task on which the candidate is clearly, but not always, the better one.
inline Holdout noisy_holdout(Task task, std::size_t rows, std::uint64_t seed) {
  Random random(seed);
  Holdout holdout;
  holdout.task = task;
  holdout.classes = task == Task::regression ? 0 : task == Task::binary ? 2 : 3;
  for (std::size_t i = 0; i < rows; ++i) {
    if (task == Task::regression) {
      const double truth = 10 * random.uniform();
      holdout.labels.push_back(truth);
      holdout.candidate.push_back(truth + random.uniform() - 0.5);
      holdout.opponent.push_back(truth + 3 * random.uniform() - 1.5);
    } else if (task == Task::binary) {
      const bool positive = random.below(2) == 1;
      const auto answer = [&](double noise) {
        const double right = 1 - noise * random.uniform();
        return positive ? right : 1 - right;
      };
      holdout.labels.push_back(positive ? 1 : 0);
      holdout.candidate.push_back(answer(0.6));
      holdout.opponent.push_back(answer(0.9));
    } else {
      const auto truth = static_cast<std::size_t>(random.below(3));
      const auto answer = [&](double noise, std::vector<double>& out) {
        const double wrong = noise * random.uniform();
        for (std::size_t c = 0; c < 3; ++c) out.push_back(c == truth ? 1 - wrong : c == (truth + 1) % 3 ? wrong : 0);
      };
      holdout.labels.push_back(static_cast<double>(truth));
      answer(0.6, holdout.candidate);
      answer(0.9, holdout.opponent);
    }
  }
  holdout.clusters = blocks_of(rows, 10);
  return holdout;
}

// Those by which one model can be better than another, recall of a single class apart.
inline std::vector<Metric> metrics_of(Task task) {
  std::vector<Metric> out;
  for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
    const auto metric = static_cast<Metric>(i);
    const bool by_class = metric == Metric::recall && task == Task::multiclass;
    if (applies_to(metric, task) && is_ordered(metric) && !by_class) out.push_back(metric);
  }
  return out;
}

inline settings::Validation by(Metric metric) {
  settings::Validation validation;
  validation.metric = metric;
  return validation;
}

inline Comparison compared(const Holdout& holdout, Metric metric, double confidence = 0.95, std::uint64_t seed = 1) {
  return compare(holdout, Opponent::production, by(metric), confidence, seed);
}

// Of a candidate that nothing is wrong with.
inline CandidateFacts sound_facts() {
  CandidateFacts facts;
  facts.predictions.rows = 1000000;
  facts.package_compared = 1000;
  facts.seconds_per_thousand = 0.02;
  facts.artifact_bytes = 4096;
  return facts;
}

// Around a comparison with version 5 in production, or with the baseline.
inline Circumstances sound_circumstances(Opponent opponent = Opponent::production) {
  Circumstances out;
  if (opponent == Opponent::production) out.production = 5;
  return out;
}

inline Decision decided(const Comparison& comparison, const settings::Validation& validation) {
  return decide(comparison, sound_facts(), sound_circumstances(comparison.opponent), validation);
}

// The gate's row; one that says that there is none, which no test expects, where there is none.
inline GateResult gate_of(const Decision& decision, const std::string& name, const std::string& slice = "") {
  for (const GateResult& gate : decision.gates) {
    if (gate.gate == name && gate.slice == slice) return gate;
  }
  GateResult none;
  none.sentence = "there is no gate " + name + " [" + slice + "]";
  return none;
}

// A sound comparison of 1,000 rows in 40 clusters with the given interval.
inline Comparison measured(double estimate, double low, double high, Opponent opponent = Opponent::production) {
  Comparison comparison;
  comparison.opponent = opponent;
  comparison.metric = Metric::accuracy;
  comparison.rows = 1000;
  comparison.opponent_value = 0.75;
  comparison.candidate_value = 0.75 + estimate;
  comparison.candidate_metrics = {{Metric::accuracy, "", 0.75 + estimate}};
  comparison.opponent_metrics = {{Metric::accuracy, "", 0.75}};
  comparison.difference = stats::Interval{estimate, low, high, 0.01, 1, 40, "cluster_t"};
  comparison.confidence = 0.95;
  return comparison;
}

inline settings::Validation rules(Rule rule = Rule::superior, double margin = 0) {
  settings::Validation validation = by(Metric::accuracy);
  validation.rule = rule;
  validation.margin = margin;
  return validation;
}

}  // namespace retraind::evaluate
