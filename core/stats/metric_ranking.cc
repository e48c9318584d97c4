// Metrics of the order in which a model puts rows.

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "core/stats/metric_rows.h"
#include "core/stats/pairs_of_groups.h"
#include "core/stats/score_order.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// Outside the range of probabilities, so that no row ties with it.
constexpr double kBelowAll = -1;
constexpr double kAboveAll = 2;

// By rank.
enum Mark : std::uint8_t { kNegative = 1, kLastOfTie = 2 };

// Of an order in which the negatives are marked.
std::vector<std::uint8_t> marks_of(const ScoreOrder& order) {
  std::vector<std::uint8_t> marks(order.size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    marks[i] =
        static_cast<std::uint8_t>((order.is_marked(i) ? kNegative : 0) | (order.is_last_of_tie(i) ? kLastOfTie : 0));
  }
  return marks;
}

// The share of pairs of a positive and a negative row in which the positive one has the higher score; a tie is half a
// pair (Hanley and McNeil 1982). By one pass over the rows in the order of their scores; where groups are few, without
// any, from the pairs that they win against each other.
class AreaUnderCurve : public WeightedMetric::Rows {
 public:
  // `order` has the negatives marked.
  AreaUnderCurve(const Scored& scored, Groups groups, const ScoreOrder& order)
      : marks_(marks_of(order)),
        weights_(weights_along(scored, groups, order.size(), [&](std::size_t i) { return order.row(i); })) {
    const std::size_t count = count_groups(groups, order.size());
    if (!groups.empty() && scored.weights.empty() && PairsOfGroups::are_worth_counting(count, order.size())) {
      pairs_.emplace(order, groups, count);
    }
  }

  std::optional<double> value(std::span<const double> weights) const override {
    if (pairs_ && !weights.empty()) {
      if (const auto whole = weights_.whole(weights)) {
        const PairsOfGroups::Drawn drawn = pairs_->draw(whole->times);
        return share(drawn.won_twice / 2, drawn.positives, drawn.negatives);
      }
    }
    return weights_.visit(weights, [this](auto weight_at) { return area(weight_at); });
  }

 private:
  template <class WeightAt>
  std::optional<double> area(WeightAt weight_at) const {
    Sum won;
    Sum positives;
    Sum negatives;
    double tied_positives = 0;
    double tied_negatives = 0;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      ((marks_[i] & kNegative) != 0 ? tied_negatives : tied_positives) += weight_at(i);
      if ((marks_[i] & kLastOfTie) == 0) continue;
      won.add(tied_positives * (negatives.value() + tied_negatives / 2));
      positives.add(tied_positives);
      negatives.add(tied_negatives);
      tied_positives = tied_negatives = 0;
    }
    return share(won.value(), positives.value(), negatives.value());
  }

  // The same in whole numbers and without a branch, which a label that no one can foretell would often send astray:
  // some four cycles a row.
  template <class WeightAt>
  requires std::same_as<std::invoke_result_t<WeightAt, std::size_t>, std::uint64_t> std::optional<double> area(
      WeightAt weight_at)
  const {
    std::uint64_t won_twice = 0;
    std::uint64_t positives = 0;
    std::uint64_t negatives = 0;        // up to this row
    std::uint64_t negatives_below = 0;  // up to the tie before this one
    std::uint64_t tied_positives = 0;
    for (std::size_t i = 0; i < marks_.size(); ++i) {
      const std::uint64_t weight = weight_at(i);
      const std::uint64_t mark = marks_[i];
      const std::uint64_t negative = 0 - (mark & kNegative);  // all bits or none
      const std::uint64_t last = 0 - (mark >> 1U);
      static_assert(kNegative == 1 && kLastOfTie == 2);
      negatives += weight & negative;
      tied_positives += weight & ~negative;
      positives += weight & ~negative;
      // Half of those that tie are beaten: tied_positives * (below + (negatives - below) / 2).
      won_twice += (tied_positives & last) * (negatives_below + negatives);
      negatives_below ^= (negatives_below ^ negatives) & last;
      tied_positives &= ~last;
    }
    return share(static_cast<double>(won_twice) / 2, static_cast<double>(positives), static_cast<double>(negatives));
  }

  static std::optional<double> share(double won, double positives, double negatives) {
    if (positives == 0 || negatives == 0) return std::nullopt;
    return won / positives / negatives;
  }

  std::vector<std::uint8_t> marks_;
  RowWeights weights_;  // by rank
  std::optional<PairsOfGroups> pairs_;
};

// The mean of the areas of each class against all others.
class MacroArea : public WeightedMetric::Rows {
 public:
  MacroArea(const Scored& scored, Groups groups) {
    std::vector<bool> occurs(scored.classes);
    for (std::size_t i = 0; i < scored.rows(); ++i) {
      if (const std::ptrdiff_t label = label_of(scored, i); label != kUnknownClass) {
        occurs[static_cast<std::size_t>(label)] = true;
      }
    }
    std::vector<double> scores(scored.rows());
    std::vector<std::uint8_t> negative(scored.rows());
    for (std::size_t c = 0; c < scored.classes; ++c) {
      if (!occurs[c]) continue;
      for (std::size_t row = 0; row < scores.size(); ++row) {
        // A row of unknown class is a negative that outranks every positive.
        const std::ptrdiff_t label = label_of(scored, row);
        scores[row] = label == kUnknownClass ? kAboveAll : scored.predictions[row * scored.classes + c];
        negative[row] = label == static_cast<std::ptrdiff_t>(c) ? 0 : 1;
      }
      areas_.emplace_back(scored, groups, ScoreOrder(scores, negative));
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
  // `descending` has the negatives marked, and rows of unknown class behind the `known` others.
  AveragePrecision(const Scored& scored, Groups groups, const ScoreOrder& descending, std::size_t known)
      : known_(known),
        marks_(marks_of(descending)),
        weights_(weights_along(scored, groups, descending.size(), [&](std::size_t i) { return descending.row(i); })) {}

  std::optional<double> value(std::span<const double> weights) const override {
    return weights_.visit(weights, [this](auto weight_at) { return area(weight_at); });
  }

 private:
  template <class WeightAt>
  std::optional<double> area(WeightAt weight_at) const {
    using Number = std::invoke_result_t<WeightAt, std::size_t>;
    Sum area;
    Total<Number> found;
    Total<Number> false_positives;
    Number tied[2] = {0, 0};  // positives and negatives
    for (std::size_t i = 0; i < known_; ++i) {
      const Number weight = weight_at(i);
      const bool negative = (marks_[i] & kNegative) != 0;
      tied[0] += negative ? 0 : weight;
      tied[1] += negative ? weight : 0;
      if ((marks_[i] & kLastOfTie) == 0) continue;
      found.add(tied[0]);
      false_positives.add(tied[1]);
      const double taken = found.value() + false_positives.value();
      if (taken > 0) area.add(static_cast<double>(tied[0]) * (found.value() / taken));
      tied[0] = tied[1] = 0;
    }
    Total<Number> never_found;
    for (std::size_t i = known_; i < marks_.size(); ++i) never_found.add(weight_at(i));
    const double positives = found.value() + never_found.value();
    if (positives == 0) return std::nullopt;
    return area.value() / positives;
  }

  std::size_t known_;  // ranks from here on are rows of unknown class
  std::vector<std::uint8_t> marks_;
  RowWeights weights_;  // by rank
};

}  // namespace

PreparedMetric prepare_area_under_curve(const Scored& scored, Groups groups) {
  std::vector<double> scores(scored.predictions.begin(), scored.predictions.end());
  std::vector<std::uint8_t> negative(scored.rows());
  for (std::size_t row = 0; row < scores.size(); ++row) {
    // A row of unknown class is a positive that every negative outranks.
    if (label_of(scored, row) == kUnknownClass) scores[row] = kBelowAll;
    negative[row] = label_of(scored, row) == 0 ? 1 : 0;
  }
  return std::make_unique<AreaUnderCurve>(scored, groups, ScoreOrder(scores, negative));
}

PreparedMetric prepare_macro_area(const Scored& scored, Groups groups) {
  return std::make_unique<MacroArea>(scored, groups);
}

PreparedMetric prepare_average_precision(const Scored& scored, Groups groups) {
  std::vector<double> scores(scored.rows());
  std::vector<std::uint8_t> negative(scored.rows());
  std::size_t known = 0;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const std::ptrdiff_t label = label_of(scored, row);
    // Behind all others.
    scores[row] = label == kUnknownClass ? kAboveAll : -scored.predictions[row];
    negative[row] = label == 0 ? 1 : 0;
    known += label == kUnknownClass ? 0 : 1;
  }
  return std::make_unique<AveragePrecision>(scored, groups, ScoreOrder(scores, negative), known);
}

}  // namespace retraind::stats
