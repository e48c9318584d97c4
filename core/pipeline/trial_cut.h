#pragma once
// Rows that two versions have scored, cut into the clusters that a trial counts. Pure. For the .cc files of this module
// and its tests.

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/trials.h"
#include "core/settings/settings.h"
#include "core/stats/metrics.h"

namespace retraind::pipeline {

// A stretch of the instant axis, from multiples since 1970 UTC, or so many neighbouring rows.
using ClusterSize = std::variant<Duration, std::uint64_t>;

// What trial.h says of clusters. Throws DataError for a duration on the number axis and for a size of zero.
ClusterSize trial_cluster_size(const settings::Model& model, TimeAxis axis);

// Where counting goes on once clusters up to `counted_to` are counted: rows that come late into a stretch of time that
// has been counted are left out with it.
EventTime after_counted(EventTime counted_to, const ClusterSize& size);

// In any order; parallel columns.
struct TrialRows {
  Task task = Task::binary;
  std::size_t classes = 0;  // multiclass only
  std::vector<EventTime> times;
  std::vector<double> labels;   // NaN: not known; such rows are left out
  std::vector<double> weights;  // empty: all the same
  std::vector<double> version;  // predictions, shaped as stats::Scored says
  std::vector<double> against;
};

struct TrialCut {
  ClusterSize size = std::uint64_t{100};
  Metric metric = Metric::log_loss;
  stats::MetricOptions options;
  EventTime after = 0;             // rows up to here are left out
  EventTime complete_before = 0;   // all rows before this are there; more may still come at this very time
  std::optional<EventTime> until;  // rows later than this are left out
  std::int64_t next_index = 0;
};

// Only clusters that no row can enter any more, in the order of time. Rows of one event time always stand in one
// cluster, so that counting can go on behind it; a cluster of rows may therefore be larger than asked for. The rows at
// the end that do not fill one are left for later, or, where the window ends, out. Clusters without any weight and
// those on which the metric is undefined for either version are left out. Indices are multiples of the duration since
// 1970, or counted, but never below `next_index`: they grow even where the configured size changed.
std::vector<runs::TrialCluster> cut_clusters(const TrialCut& cut, const TrialRows& rows);

}  // namespace retraind::pipeline
