// Whether probabilities are what they say.

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "core/stats/metric_rows.h"
#include "core/stats/score_order.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

constexpr std::size_t kBins = 15;

// Rows by score, cut into bins of equal weight; the mean over the bins, by weight, of how far the share of class 1 is
// from the mean score. Rows that tie lie in one bin, the one that holds the middle of their weight, so that neither
// the order of rows nor writing a row twice for a weight of 2 shows.
class CalibrationError : public WeightedMetric::Rows {
 public:
  CalibrationError(const Scored& scored, Groups groups, const std::vector<std::size_t>& known,
                   const std::vector<std::size_t>& unknown, const ScoreOrder& order)
      : known_(weights_along(scored, groups, known.size(), [&](std::size_t i) { return known[order.row(i)]; })),
        unknown_(weights_along(scored, groups, unknown.size(), [&](std::size_t i) { return unknown[i]; })),
        gaps_(known.size()),
        last_of_tie_(known.size()) {
    for (std::size_t i = 0; i < known.size(); ++i) {
      const std::size_t row = known[order.row(i)];
      gaps_[i] = scored.labels[row] - scored.predictions[row];
      last_of_tie_[i] = static_cast<std::uint8_t>(order.is_last_of_tie(i));
    }
  }

  std::optional<double> value(std::span<const double> weights) const override {
    const double known = known_.sum(weights);
    const double unknown = unknown_.sum(weights);
    return known_.visit(weights, [&](auto weight_at) { return error(known, unknown, weight_at); });
  }

 private:
  template <class WeightAt>
  std::optional<double> error(double known, double unknown, WeightAt weight_at) const {
    using Number = std::invoke_result_t<WeightAt, std::size_t>;
    if (known + unknown == 0) return std::nullopt;
    // A row of unknown class is one for which the true class was given a probability of 0: off by 1.
    Sum off;
    off.add(unknown);
    Sum bin_gap;
    std::size_t bin = 0;
    Total<Number> before;
    Total<Number> tied;
    Sum gap;
    for (std::size_t i = 0; i < gaps_.size(); ++i) {
      const Number weight = weight_at(i);
      tied.add(weight);
      gap.add(static_cast<double>(weight) * gaps_[i]);
      if (last_of_tie_[i] == 0) continue;
      if (known > 0) {
        // Both sides whole numbers for whole weights: the division alone is rounded, and no middle falls on an edge
        // because of it.
        const double place = kBins * (2 * before.value() + tied.value()) / (2 * known);
        const std::size_t next = std::min(static_cast<std::size_t>(place), kBins - 1);
        if (next > bin) {
          off.add(std::fabs(bin_gap.value()));
          bin_gap = Sum();
          bin = next;
        }
        bin_gap.add(gap.value());
      }
      before.add(static_cast<Number>(tied.value()));
      tied = Total<Number>();
      gap = Sum();
    }
    off.add(std::fabs(bin_gap.value()));
    return off.value() / (known + unknown);
  }

  RowWeights known_;  // by rank
  RowWeights unknown_;
  std::vector<double> gaps_;  // label less prediction, by rank
  std::vector<std::uint8_t> last_of_tie_;
};

// The slope b of the logistic regression P(class 1) = 1 / (1 + exp(-a - b x)) on the log-odds x of the score (Cox
// 1958), by Newton's method.
class CalibrationSlope : public WeightedMetric::Rows {
 public:
  CalibrationSlope(const Scored& scored, Groups groups) : weights_(weights_of_rows(scored, groups)) {
    for (std::size_t i = 0; i < scored.rows(); ++i) {
      // A row of unknown class is one of class 1 whose probability was 0.
      const bool unknown = label_of(scored, i) == kUnknownClass;
      const double p = std::clamp(unknown ? 0 : scored.predictions[i], kSmallestProbability, 1 - kSmallestProbability);
      log_odds_.push_back(std::log(p) - std::log1p(-p));
      positive_.push_back(label_of(scored, i) != 0);
    }
    // The draws of a bootstrap lie near the rows as they are.
    start_ = line_of({}, std::nullopt);
  }

  std::optional<double> value(std::span<const double> weights) const override {
    // The passes that Newton's method takes are so dear that one more, to write the weights down, does not show.
    const std::vector<double> of_rows = weights_.of_each(weights);
    const std::optional<Line> line = line_of(of_rows, start_);
    if (!line) return std::nullopt;
    return line->b;
  }

 private:
  static constexpr int kMostSteps = 50;
  // In units of the parameters for log-odds of mean 0 and deviation 1. Newton's steps shrink quadratically: behind a
  // step of 1e-8, what remains is rounding.
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

  // On the log-odds themselves; from `start`, or from the best constant.
  std::optional<Line> line_of(std::span<const double> weights, const std::optional<Line>& start) const {
    if (!has_maximum(weights)) return std::nullopt;
    const Scale scale = scale_of(weights);
    if (!(scale.spread > 0)) return std::nullopt;
    // The likelihood is concave with one maximum, so steps that never lower it lead there.
    State at = state(start ? Line{start->a + start->b * scale.mean, start->b * scale.spread}
                           : Line{std::log(scale.positives / scale.negatives), 0},
                     scale, weights);
    for (int steps = 0; steps < kMostSteps; ++steps) {
      const double determinant = at.curve_aa * at.curve_bb - at.curve_ab * at.curve_ab;
      if (!(determinant > 0)) break;
      const Line step = {(at.curve_bb * at.slope_a - at.curve_ab * at.slope_b) / determinant,
                         (at.curve_aa * at.slope_b - at.curve_ab * at.slope_a) / determinant};
      const bool stops = std::fabs(step.a) <= kStop * (1 + std::fabs(at.line.a)) &&
                         std::fabs(step.b) <= kStop * (1 + std::fabs(at.line.b));
      if (stops) {
        const double b = (at.line.b + step.b) / scale.spread;
        return Line{at.line.a + step.a - b * scale.mean, b};
      }
      State next = state({at.line.a + step.a, at.line.b + step.b}, scale, weights);
      const double rounding = 1e-14 * std::fabs(at.likelihood);
      double part = 1;
      while (!(next.likelihood >= at.likelihood - rounding) && part > kSmallestPart) {
        part /= 2;
        next = state({at.line.a + part * step.a, at.line.b + part * step.b}, scale, weights);
      }
      at = next;
    }
    // A start that is far from this weighting's maximum may lie where the likelihood is flat.
    if (start) return line_of(weights, std::nullopt);
    return std::nullopt;
  }

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
    constexpr std::size_t kAtOnce = 64;  // rows that are summed plainly: compensation would take half of the time
    Sum likelihood, slope_a, slope_b, curve_aa, curve_ab, curve_bb;
    for (std::size_t from = 0; from < log_odds_.size(); from += kAtOnce) {
      State some;
      for (std::size_t i = from; i < std::min(from + kAtOnce, log_odds_.size()); ++i) {
        const double w = weight_of(weights, i);
        if (w == 0) continue;
        const double x = (log_odds_[i] - scale.mean) / scale.spread;
        const double odds = line.a + line.b * x;
        const double small = std::exp(-std::fabs(odds));  // never overflows
        const double likely = 1 / (1 + small);            // of the class that the line takes the row for
        const double unlikely = small * likely;
        const bool expected = (odds >= 0) == positive_[i];
        some.likelihood -= w * (std::log1p(small) + (expected ? 0 : std::fabs(odds)));
        const double residual = w * (expected ? unlikely : likely) * (positive_[i] ? 1 : -1);
        some.slope_a += residual;
        some.slope_b += residual * x;
        const double curve = w * likely * unlikely;
        some.curve_aa += curve;
        some.curve_ab += curve * x;
        some.curve_bb += curve * x * x;
      }
      likelihood.add(some.likelihood);
      slope_a.add(some.slope_a);
      slope_b.add(some.slope_b);
      curve_aa.add(some.curve_aa);
      curve_ab.add(some.curve_ab);
      curve_bb.add(some.curve_bb);
    }
    return {line,
            likelihood.value(),
            slope_a.value(),
            slope_b.value(),
            curve_aa.value(),
            curve_ab.value(),
            curve_bb.value()};
  }

  RowWeights weights_;
  std::vector<double> log_odds_;
  std::vector<bool> positive_;
  std::optional<Line> start_;
};

}  // namespace

PreparedMetric prepare_calibration_error(const Scored& scored, Groups groups) {
  std::vector<std::size_t> known;
  std::vector<std::size_t> unknown;
  std::vector<double> scores;
  for (std::size_t row = 0; row < scored.rows(); ++row) {
    if (label_of(scored, row) == kUnknownClass) {
      unknown.push_back(row);
    } else {
      known.push_back(row);
      scores.push_back(scored.predictions[row]);
    }
  }
  return std::make_unique<CalibrationError>(scored, groups, known, unknown, ScoreOrder(scores));
}

PreparedMetric prepare_calibration_slope(const Scored& scored, Groups groups) {
  return std::make_unique<CalibrationSlope>(scored, groups);
}

}  // namespace retraind::stats
