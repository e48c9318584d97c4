// Metrics of the order in which a model puts rows.

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "core/stats/metric_rows.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// Outside the range of probabilities, so that no row ties with it.
constexpr double kBelowAll = -1;
constexpr double kAboveAll = 2;

// The share of pairs of a positive and a negative row in which the positive one has the higher score; a tie is half a
// pair (Hanley and McNeil 1982). By one pass over the rows in the order of their scores.
class AreaUnderCurve : public WeightedMetric::Rows {
 public:
  AreaUnderCurve(Ranks ranks, const std::function<bool(std::size_t)>& is_negative) : ranks_(std::move(ranks)) {
    for (std::size_t i = 0; i < ranks_.size(); ++i) negative_.push_back(is_negative(ranks_.row(i)));
  }

  std::optional<double> value(std::span<const double> weights) const override {
    Sum won;
    Sum positives;
    Sum negatives;
    double tied_positives = 0;
    double tied_negatives = 0;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      (negative_[i] ? tied_negatives : tied_positives) += weight_of(weights, ranks_.row(i));
      if (!ranks_.is_last_of_tie(i)) continue;
      won.add(tied_positives * (negatives.value() + tied_negatives / 2));
      positives.add(tied_positives);
      negatives.add(tied_negatives);
      tied_positives = tied_negatives = 0;
    }
    if (positives.value() == 0 || negatives.value() == 0) return std::nullopt;
    return won.value() / positives.value() / negatives.value();
  }

 private:
  Ranks ranks_;
  std::vector<bool> negative_;  // by rank
};

// The mean of the areas of each class against all others.
class MacroArea : public WeightedMetric::Rows {
 public:
  explicit MacroArea(const Scored& scored) {
    std::vector<bool> occurs(scored.classes);
    for (std::size_t i = 0; i < scored.rows(); ++i) {
      if (const std::ptrdiff_t label = label_of(scored, i); label != kUnknownClass) {
        occurs[static_cast<std::size_t>(label)] = true;
      }
    }
    for (std::size_t c = 0; c < scored.classes; ++c) {
      if (!occurs[c]) continue;
      // A row of unknown class is a negative that outranks every positive.
      areas_.emplace_back(Ranks(scored.rows(),
                                [&](std::size_t row) {
                                  return label_of(scored, row) == kUnknownClass
                                             ? kAboveAll
                                             : scored.predictions[row * scored.classes + c];
                                }),
                          [&](std::size_t row) { return label_of(scored, row) != static_cast<std::ptrdiff_t>(c); });
    }
  }

  std::optional<double> value(std::span<const double> weights) const override {
    Sum sum;
    double defined = 0;
    for (const AreaUnderCurve& area : areas_) {
      const std::optional<double> value = area.value(weights);
      if (!value) continue;
      sum.add(*value);
      ++defined;
    }
    if (defined == 0) return std::nullopt;
    return sum.value() / defined;
  }

 private:
  std::vector<AreaUnderCurve> areas_;  // of the classes that occur
};

// Sum over the distinct scores, from the highest down, of the precision at a threshold just below it times the rise of
// recall there. No interpolation: trapezoids under the curve of precision and recall are too optimistic (Davis and
// Goadrich 2006).
class AveragePrecision : public WeightedMetric::Rows {
 public:
  explicit AveragePrecision(const Scored& scored)
      : ranks_(scored.rows(), [&](std::size_t row) {
          return label_of(scored, row) == kUnknownClass ? kAboveAll : -scored.predictions[row];
        }) {
    for (std::size_t i = 0; i < ranks_.size(); ++i) labels_.push_back(label_of(scored, ranks_.row(i)));
  }

  std::optional<double> value(std::span<const double> weights) const override {
    Sum area;
    Sum found;
    Sum false_positives;
    Sum never_found;
    double tied_positives = 0;
    double tied_negatives = 0;
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      const double w = weight_of(weights, ranks_.row(i));
      if (labels_[i] == kUnknownClass) {
        never_found.add(w);
        continue;
      }
      (labels_[i] == 0 ? tied_negatives : tied_positives) += w;
      if (!ranks_.is_last_of_tie(i)) continue;
      found.add(tied_positives);
      false_positives.add(tied_negatives);
      if (tied_positives > 0) {
        area.add(tied_positives * (found.value() / (found.value() + false_positives.value())));
      }
      tied_positives = tied_negatives = 0;
    }
    const double positives = found.value() + never_found.value();
    if (positives == 0) return std::nullopt;
    return area.value() / positives;
  }

 private:
  Ranks ranks_;                         // by descending score, rows of unknown class behind all others
  std::vector<std::ptrdiff_t> labels_;  // by rank
};

}  // namespace

Ranks::Ranks(std::size_t rows, const std::function<double(std::size_t)>& score) {
  if (rows > std::numeric_limits<std::uint32_t>::max()) {
    throw std::logic_error(std::to_string(rows) + " rows were scored at once, more than 2^32 - 1");
  }
  std::vector<double> scores(rows);
  for (std::size_t i = 0; i < rows; ++i) scores[i] = score(i);
  order_.resize(rows);
  std::iota(order_.begin(), order_.end(), std::uint32_t{0});
  std::sort(order_.begin(), order_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return scores[a] != scores[b] ? scores[a] < scores[b] : a < b; });
  last_of_tie_.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    last_of_tie_.push_back(i + 1 == rows || scores[order_[i]] != scores[order_[i + 1]]);
  }
}

PreparedMetric prepare_area_under_curve(const Scored& scored) {
  // A row of unknown class is a positive that every negative outranks.
  return std::make_unique<AreaUnderCurve>(
      Ranks(scored.rows(),
            [&](std::size_t row) {
              return label_of(scored, row) == kUnknownClass ? kBelowAll : scored.predictions[row];
            }),
      [&](std::size_t row) { return label_of(scored, row) == 0; });
}

PreparedMetric prepare_macro_area(const Scored& scored) {
  return std::make_unique<MacroArea>(scored);
}

PreparedMetric prepare_average_precision(const Scored& scored) {
  return std::make_unique<AveragePrecision>(scored);
}

}  // namespace retraind::stats
