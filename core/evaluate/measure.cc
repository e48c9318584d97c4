#include "core/evaluate/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <memory>

#include "core/base/random.h"
#include "core/evaluate/predictions.h"
#include "core/stats/paired.h"
#include "core/stats/proportion.h"

namespace retraind::evaluate {
namespace {

constexpr double kSmallestLogP = -700;
// Of either class, for an area whose rows do not vary: a model that is always right.
constexpr std::size_t kEnoughOfClass = 20;

// The metric's options with its class filled in; nullopt when no label is of that class.
std::optional<stats::MetricOptions> options_for(const Holdout& rows, const Ask& ask) {
  stats::MetricOptions options = rows.options;
  if (rows.task != Task::multiclass || ask.of_class.empty()) return options;
  const auto found = std::find(rows.class_names.begin(), rows.class_names.end(), ask.of_class);
  if (found == rows.class_names.end()) return std::nullopt;
  options.of_class = static_cast<int>(found - rows.class_names.begin());
  return options;
}

stats::Scored scored(const Holdout& rows, const std::vector<double>& predictions, stats::MetricOptions options) {
  return {.task = rows.task,
          .classes = rows.classes,
          .labels = rows.labels,
          .predictions = predictions,
          .weights = rows.weights,
          .options = std::move(options)};
}

std::string why_undefined(const Holdout& rows, const Ask& ask) {
  std::string why =
      fmt::format("{} is not defined on these {} rows", name_of({ask.metric, ask.of_class, 0}), rows.labels.size());
  const bool alike =
      std::all_of(rows.labels.begin(), rows.labels.end(), [&](double y) { return y == rows.labels.front(); });
  if (alike && rows.task == Task::regression) why += ": all labels are the same";
  if (alike && rows.task != Task::regression) why += ": all labels are of one class";
  if (!alike && !ask.of_class.empty()) why += ": none is of that class";
  return why;
}

bool in_one_cluster(const Holdout& rows) {
  return std::all_of(rows.clusters.begin(), rows.clusters.end(),
                     [&](std::uint32_t cluster) { return cluster == rows.clusters.front(); });
}

Measure resample(const Holdout& rows, const Ask& ask, const stats::GroupedStatistic& statistic) {
  Measure out;
  out.interval = stats::grouped_cluster_bootstrap(rows.clusters, kBootstrapReplicates, ask.seed, ask.confidence,
                                                  statistic, rows.threads);
  if (!out.interval) {
    out.why_not = fmt::format("{} is not defined on more than half of the resampled rows",
                              name_of({ask.metric, ask.of_class, 0}));
  }
  return out;
}

bool is_delongs(const Holdout& rows, Metric metric) {
  return metric == Metric::auc && rows.task == Task::binary && rows.rows_are_independent && rows.weights.empty();
}

std::size_t fewest_of_class(const Holdout& rows) {
  const auto zeros = static_cast<std::size_t>(std::count(rows.labels.begin(), rows.labels.end(), 0.0));
  return std::min(zeros, rows.labels.size() - zeros);
}

// What holds whatever is measured: rows, a class that exists, more than one cluster, a value for each model.
std::string why_impossible(const Holdout& rows, const Ask& ask, const std::vector<double>* second) {
  if (rows.labels.empty()) return "there is no fresh labelled row";
  if (!applies_to(ask.metric, rows.task)) {
    return fmt::format("{} does not apply to a {} task", to_text(ask.metric), to_text(rows.task));
  }
  if (!options_for(rows, ask)) return fmt::format("no label is of the class \"{}\"", ask.of_class);
  if (!value_of(rows, rows.candidate, ask) || (second != nullptr && !value_of(rows, *second, ask))) {
    return why_undefined(rows, ask);
  }
  if (in_one_cluster(rows)) {
    return fmt::format("all {} rows stand in one cluster, and an interval needs at least 2 clusters",
                       rows.labels.size());
  }
  return {};
}

// Where every row is right no row tells how far the share could be off; the exact bounds do.
void widen_share(stats::Interval& interval, std::size_t rows, double confidence) {
  const auto all = static_cast<double>(rows);
  const double hits = std::clamp(std::round(interval.estimate * all), 0.0, all);
  const stats::Bounds bounds = stats::clopper_pearson(hits, all, 1 - confidence);
  interval.low = std::min(interval.low, bounds.low);
  interval.high = std::max(interval.high, bounds.high);
}

// Rows on which the two are both right or both wrong say little about how often they might differ: where none differs,
// the spread is zero, and so it is about half of the time where one row in n does. So many rows that never show a
// difference leave one of -ln(1 - confidence) / rows possible, the rule of three at 0.95.
void widen_rare_differences(stats::Interval& interval, std::size_t rows, double confidence) {
  const double unseen = -std::log(1 - confidence) / static_cast<double>(rows);
  interval.low = std::min(interval.low, interval.estimate - unseen);
  interval.high = std::max(interval.high, interval.estimate + unseen);
}

}  // namespace

std::optional<double> value_of(const Holdout& rows, const std::vector<double>& predictions, const Ask& ask) {
  const auto options = options_for(rows, ask);
  if (!options) return std::nullopt;
  return stats::evaluate(ask.metric, scored(rows, predictions, *options));
}

Measure own_interval(const Holdout& rows, const Ask& ask) {
  Measure out;
  out.why_not = why_impossible(rows, ask, nullptr);
  if (!out.why_not.empty()) return out;
  const stats::Scored candidate = scored(rows, rows.candidate, *options_for(rows, ask));
  if (is_mean_of_row_losses(ask.metric)) {
    out.interval =
        stats::clustered_mean(stats::row_losses(ask.metric, candidate), rows.clusters, ask.confidence, rows.weights);
    if (!out.interval) {
      out.why_not = why_undefined(rows, ask);
    } else if (ask.metric == Metric::accuracy) {
      stats::Interval& interval = *out.interval;
      interval.estimate = 1 - interval.estimate;
      const double low = 1 - interval.high;
      interval.high = 1 - interval.low;
      interval.low = low;
      if (rows.weights.empty()) widen_share(interval, rows.labels.size(), ask.confidence);
    }
    return out;
  }
  return resample(rows, ask, [&](std::span<const std::uint32_t> groups) -> stats::Statistic {
    const auto metric = std::make_shared<const stats::WeightedMetric>(ask.metric, candidate, groups);
    return [metric](std::span<const double> weights) { return (*metric)(weights); };
  });
}

Measure paired_interval(const Holdout& rows, const std::vector<double>& first, const std::vector<double>& second,
                        const Ask& ask) {
  Measure out;
  out.why_not = why_impossible(rows, ask, &second);
  if (out.why_not.empty() && !is_ordered(ask.metric)) {
    out.why_not = fmt::format("{} is neither better nor worse where it is larger", to_text(ask.metric));
  }
  if (!out.why_not.empty()) return out;
  const stats::Scored ours = scored(rows, first, *options_for(rows, ask));
  const stats::Scored theirs = scored(rows, second, *options_for(rows, ask));
  if (is_mean_of_row_losses(ask.metric)) {
    std::vector<double> differences = stats::row_losses(ask.metric, theirs);
    const std::vector<double> losses = stats::row_losses(ask.metric, ours);
    for (std::size_t i = 0; i < losses.size(); ++i) differences[i] -= losses[i];
    out.interval = stats::clustered_mean(differences, rows.clusters, ask.confidence, rows.weights);
    if (!out.interval) {
      out.why_not = why_undefined(rows, ask);
    } else if (ask.metric == Metric::accuracy) {
      widen_rare_differences(*out.interval, rows.labels.size(), ask.confidence);
    }
    return out;
  }
  if (is_delongs(rows, ask.metric)) {
    out.interval = stats::delong_difference(rows.labels, first, second, ask.confidence);
    if (out.interval) return out;
    if (fewest_of_class(rows) < kEnoughOfClass) {
      out.why_not = fmt::format("auc has no interval on so few rows: {} of one class", fewest_of_class(rows));
      return out;
    }
  }
  const double sign = higher_is_better(ask.metric) ? 1 : -1;
  return resample(rows, ask, [&](std::span<const std::uint32_t> groups) -> stats::Statistic {
    const auto a = std::make_shared<const stats::WeightedMetric>(ask.metric, ours, groups);
    const auto b = std::make_shared<const stats::WeightedMetric>(ask.metric, theirs, groups);
    return [a, b, sign](std::span<const double> weights) -> std::optional<double> {
      const auto one = (*a)(weights);
      const auto other = one ? (*b)(weights) : std::nullopt;
      return other ? std::optional(sign * (*one - *other)) : std::nullopt;
    };
  });
}

double log_p_at_least(const stats::Interval& interval, double bound) {
  const double distance = interval.estimate - bound;
  if (!(interval.standard_error > 0)) return distance < 0 ? kSmallestLogP : 0;
  double p = 1;
  if (interval.method == "delong") {
    p = boost::math::cdf(boost::math::normal_distribution<double>(), distance / interval.standard_error);
  } else {
    const auto clusters = static_cast<double>(interval.clusters);
    // The clustered t has this factor in its standard error already, the bootstrap has not.
    const double few = interval.method == "cluster_t" ? 1 : std::sqrt(clusters / (clusters - 1));
    p = boost::math::cdf(boost::math::students_t_distribution<double>(clusters - 1),
                         distance / (few * interval.standard_error));
  }
  return p > 0 ? std::clamp(std::log(p), kSmallestLogP, 0.0) : kSmallestLogP;
}

std::string why_unsound(Task task, std::size_t width, const std::vector<double>& predictions, std::string_view whose) {
  const std::span<const double> all(predictions);
  for (std::size_t i = 0; i < all.size(); i += width) {
    const std::string fault = fault_of(task, all.subspan(i, width));
    if (!fault.empty()) {
      return fmt::format("row {} of the predictions of {} is {}", i / width + 1, whose, fault);
    }
  }
  return {};
}

Holdout select(const Holdout& holdout, const std::vector<std::size_t>& rows) {
  const std::size_t width = holdout.task == Task::multiclass ? holdout.classes : 1;
  const auto pick = [&](const std::vector<double>& from, std::size_t wide) {
    std::vector<double> out;
    out.reserve(rows.size() * wide);
    for (const std::size_t row : rows) {
      const auto begin = from.begin() + static_cast<std::ptrdiff_t>(row * wide);
      out.insert(out.end(), begin, begin + static_cast<std::ptrdiff_t>(wide));
    }
    return out;
  };
  Holdout out;
  out.task = holdout.task;
  out.classes = holdout.classes;
  out.labels = pick(holdout.labels, 1);
  out.candidate = pick(holdout.candidate, width);
  out.opponent = pick(holdout.opponent, width);
  if (holdout.anchor) out.anchor = pick(*holdout.anchor, width);
  out.clusters.reserve(rows.size());
  for (const std::size_t row : rows) out.clusters.push_back(holdout.clusters[row]);
  out.rows_are_independent = holdout.rows_are_independent;
  if (!holdout.weights.empty()) out.weights = pick(holdout.weights, 1);
  out.options = holdout.options;
  out.class_names = holdout.class_names;
  out.threads = holdout.threads;
  return out;
}

std::uint64_t seed_for(std::uint64_t seed, std::string_view name) {
  // FNV-1a: the same on every machine, which std::hash is not.
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return mix_seed(seed, hash);
}

}  // namespace retraind::evaluate
