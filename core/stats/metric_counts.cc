// Metrics that are made from how many rows of which class were taken for which.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "core/stats/metric_rows.h"
#include "core/stats/score_order.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// The weights of rows by class.
struct Counts {
  explicit Counts(std::size_t classes) : right(classes), of_class(classes), taken(classes) {}

  std::vector<Sum> right;     // rows of a class that were taken for it
  std::vector<Sum> of_class;  // rows of a class
  std::vector<Sum> taken;     // rows taken for a class, those of unknown class among them
  Sum unknown;                // rows of unknown class
  Sum unknown_not_positive;   // of those, the ones not taken for class 1

  double total() const {
    Sum sum = unknown;
    for (const Sum& rows : of_class) sum.add(rows.value());
    return sum.value();
  }
};

std::optional<double> ratio(double part, double whole) {
  if (whole == 0) return std::nullopt;
  return part / whole;
}

// 2 hits / (2 hits + misses): each hit is one row of the class and one that was taken for it. 0 without any row.
double f1_of(const Counts& counts, std::size_t c) {
  return ratio(2 * counts.right[c].value(), counts.of_class[c].value() + counts.taken[c].value()).value_or(0);
}

double binary_f1(const Counts& counts) {
  const double hits = counts.right[1].value();
  if (hits == 0) return 0;
  // A row of unknown class is a false negative as well, unless it was already taken for class 1.
  return 2 * hits / (counts.of_class[1].value() + counts.taken[1].value() + counts.unknown_not_positive.value());
}

// All rows of unknown class make up one more class, which is never hit.
double macro_f1(const Counts& counts) {
  double sum = 0;
  double occurring = counts.unknown.value() > 0 ? 1 : 0;
  for (std::size_t c = 0; c < counts.right.size(); ++c) {
    if (counts.of_class[c].value() + counts.taken[c].value() == 0) continue;
    ++occurring;
    sum += f1_of(counts, c);
  }
  return sum / occurring;
}

double weighted_f1(const Counts& counts) {
  Sum sum;
  for (std::size_t c = 0; c < counts.right.size(); ++c) sum.add(counts.of_class[c].value() * f1_of(counts, c));
  return sum.value() / counts.total();
}

// Rows of one class that were taken for one class.
struct Pair {
  std::size_t truth;  // the number of classes stands for all classes that are unknown
  std::size_t taken;
};

// Rows of one group and one pair count together: what is left to add up for each set of weights is at most so many
// pairs as occur for each group.
class ByClass : public WeightedMetric::Rows {
 public:
  ByClass(Metric metric, const Scored& scored, Groups groups)
      : metric_(metric), classes_(scored.task == Task::binary ? 2 : scored.classes), parts_({}, {}, 0) {
    if (scored.task == Task::binary) {
      of_class_ = 1;
    } else if (scored.options.of_class) {
      of_class_ = static_cast<std::size_t>(*scored.options.of_class);
    }
    unknown_is_missed_ = scored.task == Task::binary;
    std::vector<std::uint32_t> pair_of_row = number_pairs(scored);
    if (groups.empty()) {
      pair_of_part_ = std::move(pair_of_row);
      parts_ = weights_of_rows(scored, groups);
    } else {
      gather(scored, groups, pair_of_row);
    }
  }

  std::optional<double> value(std::span<const double> weights) const override {
    const Counts counts = count(weights);
    if (counts.total() == 0) return std::nullopt;
    switch (metric_) {
      case Metric::f1:
        return binary_f1(counts);
      case Metric::macro_f1:
        return macro_f1(counts);
      case Metric::weighted_f1:
        return weighted_f1(counts);
      case Metric::precision:
        return ratio(counts.right[1].value(), counts.taken[1].value());
      default:  // recall
        if (!of_class_) return std::nullopt;
        return ratio(counts.right[*of_class_].value(),
                     counts.of_class[*of_class_].value() + (unknown_is_missed_ ? counts.unknown.value() : 0));
    }
  }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  // Gives each pair that occurs a number, and returns that of each row.
  std::vector<std::uint32_t> number_pairs(const Scored& scored) {
    std::vector<std::uint32_t> numbers((classes_ + 1) * classes_, kNone);
    std::vector<std::uint32_t> pair_of_row(scored.rows());
    for (std::size_t row = 0; row < scored.rows(); ++row) {
      const std::ptrdiff_t label = label_of(scored, row);
      const Pair pair{label == kUnknownClass ? classes_ : static_cast<std::size_t>(label),
                      predicted_class(scored, row)};
      std::uint32_t& number = numbers[pair.truth * classes_ + pair.taken];
      if (number == kNone) {
        number = static_cast<std::uint32_t>(pairs_.size());
        pairs_.push_back(pair);
      }
      pair_of_row[row] = number;
    }
    return pair_of_row;
  }

  // Makes the parts, group by group.
  void gather(const Scored& scored, Groups groups, const std::vector<std::uint32_t>& pair_of_row) {
    const std::vector<double> numbers(groups.begin(), groups.end());
    const ScoreOrder by_group(numbers);
    std::vector<std::size_t> part_of_pair(pairs_.size());
    std::vector<std::uint32_t> group_of_part;
    std::vector<Sum> sums;
    for (std::size_t i = 0; i < by_group.size(); ++i) {
      const std::size_t row = by_group.row(i);
      const std::uint32_t pair = pair_of_row[row];
      std::size_t& part = part_of_pair[pair];
      if (part >= sums.size() || group_of_part[part] != groups[row] || pair_of_part_[part] != pair) {
        part = sums.size();
        sums.emplace_back();
        group_of_part.push_back(groups[row]);
        pair_of_part_.push_back(pair);
      }
      sums[part].add(weight_of(scored.weights, row));
    }
    std::vector<double> own(sums.size());
    std::transform(sums.begin(), sums.end(), own.begin(), [](const Sum& sum) { return sum.value(); });
    parts_ = RowWeights(std::move(own), std::move(group_of_part), sums.size());
  }

  Counts count(std::span<const double> weights) const {
    const std::vector<double> rows_of_pair = parts_.visit(weights, [this](auto weight_at) {
      std::vector<Total<std::invoke_result_t<decltype(weight_at), std::size_t>>> totals(pairs_.size());
      for (std::size_t i = 0; i < pair_of_part_.size(); ++i) totals[pair_of_part_[i]].add(weight_at(i));
      std::vector<double> rows(totals.size());
      std::transform(totals.begin(), totals.end(), rows.begin(), [](const auto& total) { return total.value(); });
      return rows;
    });
    Counts counts(classes_);
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const auto [truth, taken] = pairs_[i];
      const double rows = rows_of_pair[i];
      counts.taken[taken].add(rows);
      if (truth == classes_) {
        counts.unknown.add(rows);
        if (taken != 1) counts.unknown_not_positive.add(rows);
        continue;
      }
      counts.of_class[truth].add(rows);
      if (truth == taken) counts.right[truth].add(rows);
    }
    return counts;
  }

  Metric metric_;
  std::size_t classes_;
  std::optional<std::size_t> of_class_;  // of recall
  bool unknown_is_missed_ = false;
  std::vector<Pair> pairs_;                  // that occur
  std::vector<std::uint32_t> pair_of_part_;  // parts: rows of one group and one pair
  RowWeights parts_;
};

}  // namespace

PreparedMetric prepare_counts(Metric metric, const Scored& scored, Groups groups) {
  return std::make_unique<ByClass>(metric, scored, groups);
}

}  // namespace retraind::stats
