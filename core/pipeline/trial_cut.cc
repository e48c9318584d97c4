#include "core/pipeline/trial_cut.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <stdexcept>

#include "core/base/error.h"

namespace retraind::pipeline {
namespace {

constexpr std::uint64_t kIndependentRows = 50;
constexpr std::uint64_t kDependentRows = 100;

// Rounds down, also before 1970.
std::int64_t stretch_of(EventTime time, Duration length) {
  const std::int64_t at = to_instant(time).time_since_epoch().count();
  const std::int64_t stretch = at / length.count();
  return at % length.count() < 0 ? stretch - 1 : stretch;
}

EventTime end_of(std::int64_t stretch, Duration length) {
  return (static_cast<double>(stretch) + 1) * static_cast<double>(length.count());
}

class Cutter {
 public:
  Cutter(const TrialCut& cut, const TrialRows& rows)
      : cut_(cut), rows_(rows), width_(rows.task == Task::multiclass ? rows.classes : 1), next_index_(cut.next_index) {
    const std::size_t n = rows.times.size();
    if (rows.labels.size() != n || rows.version.size() != n * width_ || rows.against.size() != n * width_ ||
        (!rows.weights.empty() && rows.weights.size() != n)) {
      throw std::logic_error("the columns of a trial's rows differ in length");
    }
  }

  std::vector<runs::TrialCluster> run() {
    for (std::size_t row = 0; row < rows_.times.size(); ++row) {
      const EventTime time = rows_.times[row];
      const bool in_time = time > cut_.after && time < cut_.complete_before && (!cut_.until || time <= *cut_.until);
      if (in_time && !std::isnan(rows_.labels[row])) order_.push_back(row);
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return rows_.times[a] < rows_.times[b]; });
    if (const auto* length = std::get_if<Duration>(&cut_.size)) {
      cut_by_time(*length);
    } else {
      cut_by_rows(std::get<std::uint64_t>(cut_.size));
    }
    return std::move(clusters_);
  }

 private:
  EventTime time(std::size_t place) const { return rows_.times[order_[place]]; }

  void cut_by_time(Duration length) {
    const bool window_is_over = cut_.until && cut_.complete_before > *cut_.until;
    for (std::size_t begin = 0, end = 0; begin < order_.size(); begin = end) {
      const std::int64_t stretch = stretch_of(time(begin), length);
      const EventTime border = end_of(stretch, length);
      while (end < order_.size() && time(end) < border) ++end;
      if (border > cut_.complete_before && !window_is_over) break;
      add(begin, end, std::max(stretch, next_index_));
    }
  }

  void cut_by_rows(std::uint64_t size) {
    for (std::size_t begin = 0, end = 0; order_.size() - begin >= size; begin = end) {
      end = begin + static_cast<std::size_t>(size);
      while (end < order_.size() && time(end) == time(end - 1)) ++end;
      add(begin, end, next_index_);
    }
  }

  void add(std::size_t begin, std::size_t end, std::int64_t index) {
    labels_.clear();
    weights_.clear();
    version_.clear();
    against_.clear();
    for (std::size_t place = begin; place < end; ++place) {
      const std::size_t row = order_[place];
      labels_.push_back(rows_.labels[row]);
      if (!rows_.weights.empty()) weights_.push_back(rows_.weights[row]);
      const auto take = [&](const std::vector<double>& from, std::vector<double>& to) {
        const auto first = from.begin() + static_cast<std::ptrdiff_t>(row * width_);
        to.insert(to.end(), first, first + static_cast<std::ptrdiff_t>(width_));
      };
      take(rows_.version, version_);
      take(rows_.against, against_);
    }
    const stats::Scored version = scored(version_);
    const stats::Scored against = scored(against_);
    const std::optional<double> version_value = stats::evaluate(cut_.metric, version);
    const std::optional<double> against_value = stats::evaluate(cut_.metric, against);
    if (!version_value || !against_value) return;
    runs::TrialCluster cluster{.index = index,
                               .from = time(begin),
                               .to = time(end - 1),
                               .rows = end - begin,
                               .weight = weights_.empty() ? static_cast<double>(end - begin)
                                                          : std::accumulate(weights_.begin(), weights_.end(), 0.0),
                               .difference_sum = 0,
                               .version_value = *version_value,
                               .against_value = *against_value};
    if (!(cluster.weight > 0)) return;
    if (is_mean_of_row_losses(cut_.metric)) {
      cluster.difference_sum = sum_of_differences(version, against);
    } else {
      const double gain = *version_value - *against_value;
      cluster.difference_sum = cluster.weight * (higher_is_better(cut_.metric) ? gain : -gain);
    }
    clusters_.push_back(cluster);
    next_index_ = index + 1;
  }

  stats::Scored scored(const std::vector<double>& predictions) const {
    return {.task = rows_.task,
            .classes = rows_.classes,
            .labels = labels_,
            .predictions = predictions,
            .weights = weights_,
            .options = cut_.options};
  }

  // Row by row, so that rows on which both say the same cancel exactly.
  double sum_of_differences(const stats::Scored& version, const stats::Scored& against) const {
    const std::vector<double> losses = stats::row_losses(cut_.metric, version);
    const std::vector<double> others = stats::row_losses(cut_.metric, against);
    double sum = 0;
    for (std::size_t i = 0; i < losses.size(); ++i) {
      sum += (weights_.empty() ? 1.0 : weights_[i]) * (others[i] - losses[i]);
    }
    return sum;
  }

  const TrialCut& cut_;
  const TrialRows& rows_;
  std::size_t width_;
  std::int64_t next_index_;
  std::vector<std::size_t> order_;
  std::vector<double> labels_;
  std::vector<double> weights_;
  std::vector<double> version_;
  std::vector<double> against_;
  std::vector<runs::TrialCluster> clusters_;
};

}  // namespace

ClusterSize trial_cluster_size(const settings::Model& model, TimeAxis axis) {
  const settings::Cluster& cluster = model.validation.cluster;
  if (const auto* duration = std::get_if<settings::WindowDuration>(&cluster)) {
    if (axis == TimeAxis::number) {
      throw DataError(
          "clusters of " + format_duration(duration->length) + " need an instant, and the time column is a number",
          "set validation.cluster to a number of rows (\"100 rows\") or to a column");
    }
    if (duration->length <= Duration::zero()) throw DataError("a cluster of 0s holds no row");
    return duration->length;
  }
  if (const auto* rows = std::get_if<settings::WindowRows>(&cluster)) {
    if (rows->rows == 0) throw DataError("a cluster of 0 rows", "set validation.cluster to at least \"1 rows\"");
    return rows->rows;
  }
  if (std::holds_alternative<settings::ClusterNone>(cluster)) return kIndependentRows;
  const bool by_time = std::holds_alternative<settings::ClusterAuto>(cluster) && !model.training.entity;
  if (by_time && axis == TimeAxis::instant) return Duration(std::chrono::hours(24));
  return kDependentRows;
}

EventTime after_counted(EventTime counted_to, const ClusterSize& size) {
  const auto* length = std::get_if<Duration>(&size);
  // Instants are whole microseconds: the last one of the stretch.
  return length == nullptr ? counted_to : end_of(stretch_of(counted_to, *length), *length) - 1;
}

std::vector<runs::TrialCluster> cut_clusters(const TrialCut& cut, const TrialRows& rows) {
  return Cutter(cut, rows).run();
}

}  // namespace retraind::pipeline
