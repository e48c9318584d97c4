#pragma once
// Holdouts made up for tests.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "core/base/random.h"
#include "core/base/vocabulary.h"
#include "core/evaluate/compare.h"

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

inline std::vector<Metric> metrics_of(Task task) {
  std::vector<Metric> out;
  for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
    if (applies_to(static_cast<Metric>(i), task)) out.push_back(static_cast<Metric>(i));
  }
  return out;
}

}  // namespace retraind::evaluate
