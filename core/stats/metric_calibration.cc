// Whether probabilities are what they say.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/stats/metric_rows.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

constexpr std::size_t kBins = 15;

// Rows by score, cut into bins of equal weight; the mean over the bins, by weight, of how far the share of class 1 is
// from the mean score. Rows that tie lie in one bin, the one that holds the middle of their weight, so that neither
// the order of rows nor writing a row twice for a weight of 2 shows.
class CalibrationError : public WeightedMetric::Rows {
 public:
  explicit CalibrationError(const Scored& scored)
      : labels_(scored.labels),
        predictions_(scored.predictions),
        ranks_(scored.rows(), [&](std::size_t row) { return scored.predictions[row]; }) {}

  std::optional<double> value(std::span<const double> weights) const override {
    Sum known;
    Sum unknown;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      (labels_[i] == kUnknownClass ? unknown : known).add(weight_of(weights, i));
    }
    const double total = known.value() + unknown.value();
    if (total == 0) return std::nullopt;

    std::array<Sum, kBins> gaps;
    Sum before;
    Sum tied;
    Sum gap;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      const std::size_t row = ranks_.row(i);
      const double w = labels_[row] == kUnknownClass ? 0 : weight_of(weights, row);
      tied.add(w);
      gap.add(w * (labels_[row] - predictions_[row]));
      if (!ranks_.is_last_of_tie(i)) continue;
      if (tied.value() > 0) {
        // Both sides whole numbers for whole weights: the division alone is rounded, and no middle falls on an edge
        // because of it.
        const double place = kBins * (2 * before.value() + tied.value()) / (2 * known.value());
        gaps[std::min(static_cast<std::size_t>(place), kBins - 1)].add(gap.value());
      }
      before.add(tied.value());
      tied = gap = Sum();
    }
    // A row of unknown class is one for which the true class was given a probability of 0: off by 1.
    Sum off = unknown;
    for (const Sum& bin : gaps) off.add(std::fabs(bin.value()));
    return off.value() / total;
  }

 private:
  std::span<const double> labels_;
  std::span<const double> predictions_;
  Ranks ranks_;
};

// The slope b of the logistic regression P(class 1) = 1 / (1 + exp(-a - b x)) on the log-odds x of the score (Cox
// 1958), by Newton's method.
class CalibrationSlope : public WeightedMetric::Rows {
 public:
  explicit CalibrationSlope(const Scored& scored) {
    for (std::size_t i = 0; i < scored.rows(); ++i) {
      // A row of unknown class is one of class 1 whose probability was 0.
      const bool unknown = label_of(scored, i) == kUnknownClass;
      const double p = std::clamp(unknown ? 0 : scored.predictions[i], kSmallestProbability, 1 - kSmallestProbability);
      log_odds_.push_back(std::log(p) - std::log1p(-p));
      positive_.push_back(label_of(scored, i) != 0);
    }
  }

  std::optional<double> value(std::span<const double> weights) const override {
    if (!has_maximum(weights)) return std::nullopt;
    const Scale scale = scale_of(weights);
    if (!(scale.spread > 0)) return std::nullopt;
    // From the best constant. The likelihood is concave with one maximum, so steps that never lower it lead there.
    State at = state({std::log(scale.positives / scale.negatives), 0}, scale, weights);
    for (int steps = 0; steps < kMostSteps; ++steps) {
      const double determinant = at.curve_aa * at.curve_bb - at.curve_ab * at.curve_ab;
      if (!(determinant > 0)) return std::nullopt;
      const Line step = {(at.curve_bb * at.slope_a - at.curve_ab * at.slope_b) / determinant,
                         (at.curve_aa * at.slope_b - at.curve_ab * at.slope_a) / determinant};
      State next = state({at.line.a + step.a, at.line.b + step.b}, scale, weights);
      const double rounding = 1e-14 * std::fabs(at.likelihood);
      double part = 1;
      while (!(next.likelihood >= at.likelihood - rounding) && part > kSmallestPart) {
        part /= 2;
        next = state({at.line.a + part * step.a, at.line.b + part * step.b}, scale, weights);
      }
      at = next;
      if (std::fabs(step.a) <= kStop * (1 + std::fabs(at.line.a)) &&
          std::fabs(step.b) <= kStop * (1 + std::fabs(at.line.b))) {
        return at.line.b / scale.spread;
      }
    }
    return std::nullopt;
  }

 private:
  static constexpr int kMostSteps = 50;
  // In units of the parameters for log-odds of mean 0 and deviation 1. Newton's steps shrink quadratically: behind a
  // step of 1e-8, what remains is far below that.
  static constexpr double kStop = 1e-8;
  static constexpr double kSmallestPart = 1e-6;

  struct Line {
    double a = 0;
    double b = 0;
  };
  struct Scale {
    double mean = 0;
    double spread = 0;
    double positives = 0;
    double negatives = 0;
  };
  // The log-likelihood at a line, its derivatives, and the negative of its second derivatives.
  struct State {
    Line line;
    double likelihood = 0;
    double slope_a = 0, slope_b = 0;
    double curve_aa = 0, curve_ab = 0, curve_bb = 0;
  };

  // Both classes, and in each a row that lies beyond some row of the other on the other's side: exactly then no
  // threshold separates them, not even with rows on it (Albert and Anderson 1984).
  bool has_maximum(std::span<const double> weights) const {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    double lowest[2] = {kInfinity, kInfinity};
    double highest[2] = {-kInfinity, -kInfinity};
    for (std::size_t i = 0; i < log_odds_.size(); ++i) {
      if (weight_of(weights, i) == 0) continue;
      const std::size_t side = positive_[i] ? 1 : 0;
      lowest[side] = std::min(lowest[side], log_odds_[i]);
      highest[side] = std::max(highest[side], log_odds_[i]);
    }
    return lowest[1] < highest[0] && lowest[0] < highest[1];
  }

  Scale scale_of(std::span<const double> weights) const {
    Sum weight, sum, positives, negatives;
    for (std::size_t i = 0; i < log_odds_.size(); ++i) {
      const double w = weight_of(weights, i);
      weight.add(w);
      sum.add(w * log_odds_[i]);
      (positive_[i] ? positives : negatives).add(w);
    }
    const double mean = sum.value() / weight.value();
    Sum squares;
    for (std::size_t i = 0; i < log_odds_.size(); ++i) {
      squares.add(weight_of(weights, i) * (log_odds_[i] - mean) * (log_odds_[i] - mean));
    }
    return {mean, std::sqrt(squares.value() / weight.value()), positives.value(), negatives.value()};
  }

  State state(Line line, const Scale& scale, std::span<const double> weights) const {
    Sum likelihood, slope_a, slope_b, aa, ab, bb;
    for (std::size_t i = 0; i < log_odds_.size(); ++i) {
      const double w = weight_of(weights, i);
      if (w == 0) continue;
      const double x = (log_odds_[i] - scale.mean) / scale.spread;
      const double odds = line.a + line.b * x;
      const double small = std::exp(-std::fabs(odds));  // never overflows
      const double p = odds >= 0 ? 1 / (1 + small) : small / (1 + small);
      const double missing = odds >= 0 ? small / (1 + small) : 1 / (1 + small);
      const double residual = positive_[i] ? missing : -p;
      const double of_truth = positive_[i] ? odds : -odds;
      likelihood.add(w * (std::min(of_truth, 0.0) - std::log1p(small)));
      slope_a.add(w * residual);
      slope_b.add(w * residual * x);
      const double curve = w * p * missing;
      aa.add(curve);
      ab.add(curve * x);
      bb.add(curve * x * x);
    }
    return {line, likelihood.value(), slope_a.value(), slope_b.value(), aa.value(), ab.value(), bb.value()};
  }

  std::vector<double> log_odds_;
  std::vector<bool> positive_;
};

}  // namespace

PreparedMetric prepare_calibration_error(const Scored& scored) {
  return std::make_unique<CalibrationError>(scored);
}

PreparedMetric prepare_calibration_slope(const Scored& scored) {
  return std::make_unique<CalibrationSlope>(scored);
}

}  // namespace retraind::stats
