#include "core/stats/metric_sums.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include "core/stats/metric_rows.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

// Cells of the log-odds. Place 0 lies below them all, for positives that every negative outranks.
constexpr double kCellsPerUnit = 128;
constexpr double kFurthest = 32;

constexpr std::size_t kPlaces = static_cast<std::size_t>(2 * kFurthest * kCellsPerUnit) + 1;
// From so many rows on, a count for every place is less work than putting the rows in order.
constexpr std::size_t kManyRows = 2048;

// Where counts_ of a binary task has what.
enum Binary : std::size_t {
  kRightNegative,
  kRightPositive,
  kFalsePositive,
  kFalseNegative,
  kUnknownTakenForNegative,
  kUnknownTakenForPositive,
  kBinaryCounts
};

// A loss takes three places of sums_: the sum, the squared distances from the mean, the largest.
enum Loss : std::size_t { kSum, kSpread, kLargest, kLossSums };

// Where sums_ has what. Multiclass tasks have the log loss alone.
constexpr std::size_t kLogLoss = 0;
constexpr std::size_t kBrier = kLossSums;
constexpr std::size_t kAbsoluteError = 0;
enum Regression : std::size_t {
  kSquaredErrors = kLossSums,
  kLabels,
  kLabelSpread,
  kSmallestLabel,
  kLargestLabel,
  kRegressionSums
};

std::uint32_t cell_of(double probability) {
  const double log_odds = std::log(probability) - std::log1p(-probability);  // -inf to inf
  const double cell = std::floor((log_odds + kFurthest) * kCellsPerUnit);
  return static_cast<std::uint32_t>(std::clamp(cell, 0.0, 2 * kFurthest * kCellsPerUnit - 1)) + 1;
}

double spread_around(std::span<const double> values, double mean) {
  Sum spread;
  for (const double value : values) spread.add((value - mean) * (value - mean));
  return spread.value();
}

double sum_of(std::span<const double> values) {
  Sum sum;
  for (const double value : values) sum.add(value);
  return sum.value();
}

void append_loss(std::vector<double>& sums, std::span<const double> losses) {
  const double sum = sum_of(losses);
  sums.push_back(sum);
  sums.push_back(spread_around(losses, sum / static_cast<double>(losses.size())));
  sums.push_back(*std::max_element(losses.begin(), losses.end()));
}

// Of two groups of m and n rows, from each one's sum and spread around its own mean (Chan, Golub and LeVeque 1983):
// squares of the values themselves would lose everything where the mean is far from 0.
double joint_spread(double m, double sum_m, double spread_m, double n, double sum_n, double spread_n) {
  const double apart = sum_m / m - sum_n / n;
  return spread_m + spread_n + apart * apart * (m * n / (m + n));
}

std::optional<double> finite(double value) {
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

}  // namespace

MetricSums MetricSums::of(const Scored& scored) {
  MetricSums sums;
  sums.task_ = scored.task;
  sums.classes_ = scored.task == Task::multiclass ? scored.classes : 0;
  sums.rows_ = scored.rows();
  switch (scored.task) {
    case Task::binary:
      sums.count_binary(scored);
      break;
    case Task::multiclass:
      sums.count_multiclass(scored);
      break;
    case Task::regression:
      sums.sum_regression(scored);
      break;
  }
  return sums;
}

void MetricSums::count_binary(const Scored& scored) {
  const std::vector<double> log_losses = row_losses(Metric::log_loss, scored);  // checks `scored`
  if (rows_ == 0) return;
  append_loss(sums_, log_losses);
  append_loss(sums_, row_losses(Metric::brier, scored));

  counts_.assign(kBinaryCounts, 0);
  std::vector<Cell> cells;
  const bool by_place = rows_ >= kManyRows;
  if (by_place) {
    cells.resize(kPlaces);
  } else {
    cells.reserve(rows_);
  }
  for (std::size_t i = 0; i < scored.rows(); ++i) {
    const std::ptrdiff_t label = label_of(scored, i);
    const bool taken_for_positive = predicted_class(scored, i) == 1;
    if (label == kUnknownClass) {
      ++counts_[taken_for_positive ? kUnknownTakenForPositive : kUnknownTakenForNegative];
    } else if (label == 0) {
      ++counts_[taken_for_positive ? kFalsePositive : kRightNegative];
    } else {
      ++counts_[taken_for_positive ? kRightPositive : kFalseNegative];
    }
    const std::uint32_t place = label == kUnknownClass ? 0 : cell_of(scored.predictions[i]);
    Cell& cell = by_place ? cells[place] : cells.emplace_back();
    cell.place = place;
    ++(label == 0 ? cell.negatives : cell.positives);
  }
  if (!by_place) {
    std::sort(cells.begin(), cells.end(), [](const Cell& a, const Cell& b) { return a.place < b.place; });
  }
  for (const Cell& cell : cells) {
    if (cell.negatives + cell.positives == 0) continue;
    if (cells_.empty() || cells_.back().place != cell.place) {
      cells_.push_back(cell);
      continue;
    }
    cells_.back().negatives += cell.negatives;
    cells_.back().positives += cell.positives;
  }
}

// counts_: of each class the rows that were right, then of each class its rows, then of each class the rows taken for
// it.
void MetricSums::count_multiclass(const Scored& scored) {
  const std::vector<double> log_losses = row_losses(Metric::log_loss, scored);  // checks `scored`
  if (rows_ == 0) return;
  append_loss(sums_, log_losses);
  counts_.assign(3 * classes_, 0);
  for (std::size_t i = 0; i < scored.rows(); ++i) {
    const std::size_t taken = predicted_class(scored, i);
    ++counts_[2 * classes_ + taken];
    if (label_of(scored, i) == kUnknownClass) continue;
    const auto label = static_cast<std::size_t>(scored.labels[i]);
    ++counts_[classes_ + label];
    if (label == taken) ++counts_[label];
  }
}

void MetricSums::sum_regression(const Scored& scored) {
  const std::vector<double> errors = row_losses(Metric::mae, scored);  // checks `scored`
  if (rows_ == 0) return;
  append_loss(sums_, errors);
  sums_.resize(kRegressionSums);
  sums_[kSquaredErrors] = spread_around(errors, 0);
  sums_[kLabels] = sum_of(scored.labels);
  sums_[kLabelSpread] = spread_around(scored.labels, sums_[kLabels] / static_cast<double>(rows_));
  const auto [smallest, largest] = std::minmax_element(scored.labels.begin(), scored.labels.end());
  sums_[kSmallestLabel] = *smallest;
  sums_[kLargestLabel] = *largest;
}

void MetricSums::add(const MetricSums& other) {
  if (other.rows_ == 0) return;
  if (rows_ == 0) {
    *this = other;
    return;
  }
  if (task_ != other.task_ || classes_ != other.classes_) {
    throw std::logic_error("sums of a task of kind " + std::string(to_text(task_)) + " with " +
                           std::to_string(classes_) + " classes and of one of kind " +
                           std::string(to_text(other.task_)) + " with " + std::to_string(other.classes_) +
                           " do not add");
  }
  const auto m = static_cast<double>(rows_);
  const auto n = static_cast<double>(other.rows_);
  const auto add_spread = [&](std::size_t sum, std::size_t spread) {
    sums_[spread] = joint_spread(m, sums_[sum], sums_[spread], n, other.sums_[sum], other.sums_[spread]);
    sums_[sum] += other.sums_[sum];
  };
  const std::size_t losses = task_ == Task::binary ? 2 : 1;
  for (std::size_t loss = 0; loss < losses; ++loss) {
    const std::size_t at = loss * kLossSums;
    add_spread(at + kSum, at + kSpread);
    sums_[at + kLargest] = std::max(sums_[at + kLargest], other.sums_[at + kLargest]);
  }
  if (task_ == Task::regression) {
    add_spread(kLabels, kLabelSpread);
    sums_[kSquaredErrors] += other.sums_[kSquaredErrors];
    sums_[kSmallestLabel] = std::min(sums_[kSmallestLabel], other.sums_[kSmallestLabel]);
    sums_[kLargestLabel] = std::max(sums_[kLargestLabel], other.sums_[kLargestLabel]);
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];

  std::vector<Cell> both;
  both.reserve(cells_.size() + other.cells_.size());
  std::merge(cells_.begin(), cells_.end(), other.cells_.begin(), other.cells_.end(), std::back_inserter(both),
             [](const Cell& a, const Cell& b) { return a.place < b.place; });
  cells_.clear();
  for (const Cell& cell : both) {
    if (cells_.empty() || cells_.back().place != cell.place) {
      cells_.push_back(cell);
      continue;
    }
    cells_.back().negatives += cell.negatives;
    cells_.back().positives += cell.positives;
  }
  rows_ += other.rows_;
}

std::optional<double> MetricSums::value(Metric metric) const {
  if (rows_ == 0 || !adds_up(metric) || !applies_to(metric, task_)) return std::nullopt;
  switch (metric) {
    case Metric::accuracy:
      // The order of evaluate(): 1 minus the share of errors.
      return 1 - static_cast<double>(rows_ - right()) / static_cast<double>(rows_);
    case Metric::log_loss:
      return mean_of(kLogLoss);
    case Metric::brier:
      return mean_of(kBrier);
    case Metric::mae:
      return mean_of(kAbsoluteError);
    case Metric::rmse: {
      const std::optional<double> mean = mean_of(kSquaredErrors);
      if (!mean) return std::nullopt;
      return std::sqrt(*mean);
    }
    case Metric::auc:
      return area_under_curve();
    case Metric::f1:
      return f1();
    case Metric::macro_f1:
      return macro_f1();
    case Metric::r2:
      return determination();
    default:  // none that adds up
      return std::nullopt;
  }
}

std::optional<double> MetricSums::mean_of(std::size_t sum) const {
  return finite(sums_[sum] / static_cast<double>(rows_));
}

std::uint64_t MetricSums::right() const {
  if (task_ == Task::binary) return counts_[kRightNegative] + counts_[kRightPositive];
  std::uint64_t right = 0;
  for (std::size_t c = 0; c < classes_; ++c) right += counts_[c];
  return right;
}

std::optional<double> MetricSums::area_under_curve() const {
  Sum won;
  double positives = 0;  // whole numbers: exact
  double negatives = 0;
  for (const Cell& cell : cells_) {
    const auto cell_negatives = static_cast<double>(cell.negatives);
    const auto cell_positives = static_cast<double>(cell.positives);
    won.add(cell_positives * (negatives + cell_negatives / 2));
    positives += cell_positives;
    negatives += cell_negatives;
  }
  if (positives == 0 || negatives == 0) return std::nullopt;
  return won.value() / positives / negatives;
}

std::optional<double> MetricSums::f1() const {
  const auto hits = static_cast<double>(counts_[kRightPositive]);
  const auto misses = static_cast<double>(counts_[kFalsePositive] + counts_[kFalseNegative] +
                                          counts_[kUnknownTakenForNegative] + counts_[kUnknownTakenForPositive]);
  return hits == 0 ? 0 : 2 * hits / (2 * hits + misses);
}

std::optional<double> MetricSums::macro_f1() const {
  double sum = 0;
  double occurring = 0;
  std::uint64_t known = 0;
  for (std::size_t c = 0; c < classes_; ++c) {
    const std::uint64_t of_class = counts_[classes_ + c];
    const std::uint64_t taken = counts_[2 * classes_ + c];
    known += of_class;
    if (of_class + taken == 0) continue;
    ++occurring;
    // 2 hits / (2 hits + misses): each hit is one row of the class and one taken for it.
    sum += 2 * static_cast<double>(counts_[c]) / static_cast<double>(of_class + taken);
  }
  if (known < rows_) ++occurring;  // all that are unknown are one more class, which is never hit
  return sum / occurring;
}

std::optional<double> MetricSums::determination() const {
  if (sums_[kSmallestLabel] == sums_[kLargestLabel] || sums_[kLabelSpread] == 0) return std::nullopt;
  return finite(1 - sums_[kSquaredErrors] / sums_[kLabelSpread]);
}

std::optional<MetricSums::LossMoments> MetricSums::moments(Metric metric) const {
  if (rows_ == 0 || !adds_up(metric) || !applies_to(metric, task_) || !is_mean_of_row_losses(metric)) {
    return std::nullopt;
  }
  const auto rows = static_cast<double>(rows_);
  LossMoments moments;
  double spread = 0;
  if (metric == Metric::accuracy) {
    const double wrong = static_cast<double>(rows_ - right());
    moments.mean = wrong / rows;
    spread = wrong * (rows - wrong) / rows;
    moments.largest = wrong > 0 ? 1 : 0;
  } else {
    const std::size_t at = metric == Metric::brier ? kBrier : 0;
    moments.mean = sums_[at + kSum] / rows;
    spread = sums_[at + kSpread];
    moments.largest = sums_[at + kLargest];
  }
  if (!std::isfinite(moments.mean) || !std::isfinite(spread)) return std::nullopt;
  if (rows_ > 1) moments.deviation = std::sqrt(spread / (rows - 1));
  return moments;
}

}  // namespace retraind::stats
