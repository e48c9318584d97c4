// Metrics that are made from how many rows of which class were taken for which.

#include <utility>

#include "core/stats/metric_rows.h"
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

class ByClass : public WeightedMetric::Rows {
 public:
  ByClass(Metric metric, const Scored& scored)
      : metric_(metric), classes_(scored.task == Task::binary ? 2 : scored.classes) {
    if (scored.task == Task::binary) {
      of_class_ = 1;
    } else if (scored.options.of_class) {
      of_class_ = static_cast<std::size_t>(*scored.options.of_class);
    }
    for (std::size_t i = 0; i < scored.rows(); ++i) {
      const std::ptrdiff_t label = label_of(scored, i);
      truth_.push_back(label == kUnknownClass ? classes_ : static_cast<std::size_t>(label));
      predicted_.push_back(predicted_class(scored, i));
    }
    unknown_is_missed_ = scored.task == Task::binary;
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
  Counts count(std::span<const double> weights) const {
    Counts counts(classes_);
    for (std::size_t i = 0; i < truth_.size(); ++i) {
      const double w = weight_of(weights, i);
      counts.taken[predicted_[i]].add(w);
      if (truth_[i] == classes_) {
        counts.unknown.add(w);
        if (predicted_[i] != 1) counts.unknown_not_positive.add(w);
        continue;
      }
      counts.of_class[truth_[i]].add(w);
      if (truth_[i] == predicted_[i]) counts.right[truth_[i]].add(w);
    }
    return counts;
  }

  Metric metric_;
  std::size_t classes_;
  std::optional<std::size_t> of_class_;  // of recall
  bool unknown_is_missed_ = false;
  std::vector<std::size_t> truth_;  // classes_ stands for all classes that are unknown
  std::vector<std::size_t> predicted_;
};

}  // namespace

PreparedMetric prepare_counts(Metric metric, const Scored& scored) {
  return std::make_unique<ByClass>(metric, scored);
}

}  // namespace retraind::stats
