#include "core/pipeline/reference.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>

#include "core/base/parallel.h"
#include "core/pipeline/block_counter.h"
#include "core/pipeline/column_values.h"
#include "core/pipeline/scoring_sink.h"

namespace retraind::pipeline {
namespace {

constexpr double kNoBound = -std::numeric_limits<double>::infinity();

// One column of the training rows or the holdout. Its values are made twice, for the cells and for the counts, because
// keeping those of all columns would double the memory of a run.
struct Column {
  std::string name;
  ColumnRole role = ColumnRole::feature;
  std::optional<double> importance;
  std::function<ColumnValues()> values;
};

// The reference of columns over the same rows, and their blocks.
class Profiling {
 public:
  Profiling(const stats::BlockGrid& grid, std::size_t threads) : grid_(grid), threads_(threads) {}

  // Learns the columns' cells. The columns must outlive this.
  void add(const std::vector<Column>& columns) {
    std::vector<std::vector<stats::ColumnProfile>> made(columns.size());
    parallel_for(threads_, columns.size(),
                 [&](std::size_t i) { made[i] = profiles_of(columns[i].name, columns[i].values()); });
    for (std::size_t i = 0; i < columns.size(); ++i) {
      columns_.push_back({.source = &columns[i], .first = profiles_.size(), .parts = made[i].size()});
      // A column that is counted in two ways weighs no more than any other.
      const auto parts = static_cast<double>(made[i].size());
      const std::optional<double>& whole = columns[i].importance;
      for (stats::ColumnProfile& profile : made[i]) {
        profiles_.push_back(std::move(profile));
        roles_.push_back({columns[i].role, whole ? std::optional(*whole / parts) : std::nullopt});
      }
    }
  }

  void add_times(const std::string& name, std::span<const double> times) {
    for (stats::ColumnProfile& profile : stats::profile_instants(name, times, {})) add_time(std::move(profile));
    add_time(stats::empty_like(stats::BlockGaps(0, 1).profile(name, 0, 0)));
  }

  std::vector<registry::Block> count(std::span<const double> times_as_they_stand) {
    // Only a refit after entities were held out has rows that are not in the order of time.
    const std::vector<std::uint32_t> order = order_of(times_as_they_stand);
    std::vector<double> times(times_as_they_stand.begin(), times_as_they_stand.end());
    if (!order.empty()) rearrange(times, order);
    if (times.empty()) return {};
    const BlockRuns placed = block_runs(grid_, times, kNoBound);
    BlockCounter counter(grid_, profiles_, times.front(), times.back());
    counter.add_rows(placed.runs);
    parallel_for(threads_, columns_.size(), [&](std::size_t i) {
      const Place& column = columns_[i];
      if (column.source == nullptr) return counter.add_times(column.first, times, placed.runs);
      ColumnValues values = column.source->values();
      if (!order.empty()) rearrange(values, order);
      for (std::size_t part = 0; part < column.parts; ++part) {
        counter.add_values(column.first + part, values, placed.runs);
      }
    });
    std::vector<registry::Block> blocks = counter.finish();
    sum_gaps(blocks);
    return blocks;
  }

  void hand_over(std::vector<registry::ReferenceColumn>& out) {
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
      out.push_back({std::move(profiles_[i]), roles_[i].role, roles_[i].importance});
    }
  }

 private:
  struct Role {
    ColumnRole role;
    std::optional<double> importance;
  };
  // Where the profiles of a column stand.
  struct Place {
    const Column* source;  // nullptr: the event times
    std::size_t first;
    std::size_t parts;
  };

  // Rows by event time; empty where they stand so.
  static std::vector<std::uint32_t> order_of(std::span<const double> times) {
    if (std::is_sorted(times.begin(), times.end())) return {};
    std::vector<std::uint32_t> order(times.size());
    std::iota(order.begin(), order.end(), 0U);
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return times[a] < times[b]; });
    return order;
  }

  void add_time(stats::ColumnProfile profile) {
    profiles_.push_back(std::move(profile));
    roles_.push_back({ColumnRole::time, std::nullopt});
    columns_.push_back({.source = nullptr, .first = profiles_.size() - 1, .parts = 1});
  }

  // Gaps exist only block by block, so that the whole is their sum.
  void sum_gaps(const std::vector<registry::Block>& blocks) {
    for (std::size_t i = 0; i < profiles_.size(); ++i) {
      if (profiles_[i].counted != stats::Counted::gaps) continue;
      stats::ColumnProfile total = profiles_[i];
      for (const registry::Block& block : blocks) stats::merge(total, stats::unpack_counts(block.packed, profiles_)[i]);
      profiles_[i] = std::move(total);
    }
  }

  const stats::BlockGrid& grid_;
  std::size_t threads_;
  std::vector<stats::ColumnProfile> profiles_;
  std::vector<Role> roles_;
  std::vector<Place> columns_;
};

std::span<const double> part(const std::vector<double>& values, std::size_t begin, std::size_t end) {
  return std::span(values).subspan(begin, end - begin);
}

}  // namespace

bool is_score(const registry::ReferenceColumn& column) {
  return column.role == ColumnRole::score;
}

std::vector<stats::ColumnProfile> cells_of(const std::vector<registry::ReferenceColumn>& columns, bool scores) {
  std::vector<stats::ColumnProfile> out;
  for (const registry::ReferenceColumn& column : columns) {
    if (is_score(column) == scores) out.push_back(column.profile);
  }
  return out;
}

void require_sense(const Reference& reference) {
  const std::vector<stats::ColumnProfile> features = cells_of(reference.columns, false);
  const std::vector<stats::ColumnProfile> scores = cells_of(reference.columns, true);
  for (const registry::Block& block : reference.features) (void)stats::unpack_counts(block.packed, features);
  for (const registry::Block& block : reference.scores) (void)stats::unpack_counts(block.packed, scores);
  for (const registry::Block& block : reference.losses) (void)stats::MetricSums::unpack(block.packed);
}

Reference make_reference(const data::Table& table, const data::Split& split, std::size_t held_out_begin,
                         const Scorer& candidate, const settings::Validation& validation,
                         const std::vector<double>& predictions, data::ValueType label_type,
                         const std::string& time_column, const std::map<std::string, double>& importances,
                         std::size_t threads) {
  Reference out;
  const stats::BlockGrid grid = stats::grid_for(table.axis, split.trained_from, split.trained_to);
  std::vector<Column> columns;
  for (const data::PreparedFeature& feature : candidate.preparation.features()) {
    const auto found = std::find_if(table.features.begin(), table.features.end(),
                                    [&](const data::Column& c) { return c.name == feature.name; });
    std::optional<double> importance;
    if (!importances.empty()) {
      const auto share = importances.find(feature.name);
      importance = share == importances.end() ? 0.0 : share->second;
    }
    columns.push_back({feature.name, ColumnRole::feature, importance,
                       [&split, column = &*found] { return values_of(*column, split.train_begin, split.train_end); }});
  }
  columns.push_back({kLabelColumn, ColumnRole::label, std::nullopt,
                     [&] { return labels_of(table.label, label_type, split.train_begin, split.train_end); }});
  const std::span<const double> trained = part(table.event_times, split.train_begin, split.train_end);
  Profiling features(grid, threads);
  features.add(columns);
  if (table.axis == TimeAxis::instant) features.add_times(time_column, trained);
  out.features = features.count(trained);
  features.hand_over(out.columns);

  const ScoreColumns said = score_columns(candidate.preparation.task(), candidate.preparation.classes(), predictions);
  std::vector<Column> score_columns_of_holdout;
  score_columns_of_holdout.push_back({kScoreColumn, ColumnRole::score, std::nullopt, [&said] {
                                        ColumnValues values;
                                        values.numbers = said.score;
                                        values.nulls.assign(said.score.size(), 0);
                                        return values;
                                      }});
  if (!said.predicted.empty()) {
    score_columns_of_holdout.push_back({kPredictedColumn, ColumnRole::score, std::nullopt, [&said] {
                                          ColumnValues values;
                                          values.is_text = true;
                                          values.texts = said.predicted;
                                          values.nulls.assign(said.predicted.size(), 0);
                                          return values;
                                        }});
  }
  const std::span<const double> held_out = part(table.event_times, held_out_begin, split.holdout_end);
  Profiling scores(grid, threads);
  scores.add(score_columns_of_holdout);
  out.scores = scores.count(held_out);
  scores.hand_over(out.columns);

  const std::vector<double> labels = candidate.preparation.labels(table, held_out_begin, split.holdout_end);
  out.losses = pack(sum_losses(grid, answers_of(candidate, validation), held_out, labels, predictions, kNoBound));
  return out;
}

}  // namespace retraind::pipeline
