// What a drift trigger learns from a look.

#include <fmt/format.h>

#include <algorithm>

#include "core/pipeline/fresh_blocks.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/watch.h"
#include "core/stats/calibration.h"

namespace retraind::pipeline {
namespace {

using registry::BlockStream;

bool has_scores(const std::vector<registry::ReferenceColumn>& columns) {
  return std::any_of(columns.begin(), columns.end(), is_score);
}

stats::DriftRule rule_of(const settings::DriftTrigger& rule) {
  stats::DriftRule out{
      .method = rule.method, .min_effect = rule.min_effect, .alpha = rule.alpha, .min_rows = rule.min_rows};
  if (rule.false_alarms) {
    const auto* window = std::get_if<settings::WindowDuration>(&rule.window);
    out.alpha = stats::level_of_check(rule.false_alarms->alarms, rule.false_alarms->per, rule.every,
                                      window == nullptr ? Duration::zero() : window->length);
  }
  return out;
}

stats::SeasonRule season_of(const settings::Season& season) {
  if (const auto* period = std::get_if<settings::SeasonPeriod>(&season)) {
    return {.automatic = false, .period = static_cast<double>(period->length.count())};
  }
  return {.automatic = std::holds_alternative<settings::SeasonAuto>(season), .period = 0};
}

// One group of columns that are calibrated together, and their part of every block.
struct Group {
  std::vector<const registry::ReferenceColumn*> columns;
  std::vector<stats::ColumnProfile> like;
  std::vector<stats::ProfileBlock> reference;
  std::vector<stats::ColumnProfile> current;
  stats::Calibrated calibrated;
};

// Takes the columns at these places out of `blocks`; each place is asked for once.
std::vector<stats::ProfileBlock> take(std::vector<stats::ProfileBlock>& blocks,
                                      const std::vector<std::size_t>& places) {
  std::vector<stats::ProfileBlock> out;
  for (stats::ProfileBlock& block : blocks) {
    stats::ProfileBlock taken{block.index, {}};
    for (const std::size_t place : places) taken.columns.push_back(std::move(block.columns[place]));
    out.push_back(std::move(taken));
  }
  return out;
}

class Comparison {
 public:
  Comparison(store::Transaction& transaction, const LookPlan& plan, const LookResult& result,
             const settings::DriftTrigger& rule)
      : transaction_(transaction),
        plan_(plan),
        result_(result),
        rule_(rule_of(rule)),
        season_(season_of(rule.season)) {}

  // The groups of one stream: columns that may decide, and event times, which never do.
  void add_stream(BlockStream stream) {
    const bool scores = stream == BlockStream::scores;
    const std::vector<stats::ColumnProfile> cells = cells_of(plan_.job.columns, scores);
    auto reference =
        unpack(registry::list_reference_blocks(transaction_, plan_.model, plan_.job.version, stream), cells);
    const std::vector<registry::Block> window = window_blocks(transaction_, plan_, result_, stream);
    std::vector<stats::ColumnProfile> current = sum_of(window, cells);
    std::uint64_t rows = 0;
    for (const registry::Block& block : window) rows += block.rows;
    if (!scores) {
      rows_ = rows;
      if (!window.empty()) first_ = window.front().index;
    }
    std::vector<std::size_t> deciding;
    std::vector<std::size_t> times;
    std::vector<const registry::ReferenceColumn*> columns;
    for (const registry::ReferenceColumn& column : plan_.job.columns) {
      if (is_score(column) != scores) continue;
      (column.role == ColumnRole::time ? times : deciding).push_back(columns.size());
      columns.push_back(&column);
    }
    for (const auto* places : {&deciding, &times}) {
      if (places->empty()) continue;
      Group group;
      for (const std::size_t place : *places) {
        group.columns.push_back(columns[place]);
        group.like.push_back(cells[place]);
      }
      group.reference = take(reference, *places);
      for (const std::size_t place : *places) group.current.push_back(std::move(current[place]));
      calibrate(group, window, rows);
      (places == &times ? times_ : deciding_).push_back(std::move(group));
    }
  }

  // Benjamini-Hochberg runs over all columns that may decide, whatever stream they come from.
  std::vector<stats::ColumnDrift> compare() {
    std::vector<stats::ColumnDrift> out = compare(deciding_);
    for (stats::ColumnDrift& column : compare(times_)) out.push_back(std::move(column));
    return out;
  }

  std::uint64_t rows() const { return rows_; }
  std::optional<std::int64_t> first() const { return first_; }
  std::string calibration() const { return deciding_.empty() ? "" : deciding_.front().calibrated.sentence; }

 private:
  void calibrate(Group& group, const std::vector<registry::Block>& window, std::uint64_t rows) {
    if (window.empty()) {
      group.calibrated.reference = group.like;
      group.calibrated.columns.assign(
          group.like.size(),
          {.kind = Calibration::uncalibrated, .threshold = rule_.min_effect, .inflation = 1, .windows = 0});
      return;
    }
    group.calibrated = stats::calibrate(plan_.job.axis, plan_.job.grid, group.reference, group.like,
                                        window.front().index, window.back().index, rows, rule_, season_);
  }

  std::vector<stats::ColumnDrift> compare(const std::vector<Group>& groups) const {
    std::vector<stats::ColumnProfile> reference;
    std::vector<stats::ColumnProfile> current;
    std::vector<stats::ColumnCalibration> calibration;
    std::vector<const registry::ReferenceColumn*> columns;
    for (const Group& group : groups) {
      reference.insert(reference.end(), group.calibrated.reference.begin(), group.calibrated.reference.end());
      current.insert(current.end(), group.current.begin(), group.current.end());
      calibration.insert(calibration.end(), group.calibrated.columns.begin(), group.calibrated.columns.end());
      columns.insert(columns.end(), group.columns.begin(), group.columns.end());
    }
    std::vector<stats::ColumnDrift> out = stats::compare_profiles(reference, current, rule_, calibration);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].role = columns[i]->role;
      out[i].importance = columns[i]->importance.value_or(0);
    }
    return out;
  }

  store::Transaction& transaction_;
  const LookPlan& plan_;
  const LookResult& result_;
  stats::DriftRule rule_;
  stats::SeasonRule season_;
  std::vector<Group> deciding_;
  std::vector<Group> times_;
  std::uint64_t rows_ = 0;
  std::optional<std::int64_t> first_;
};

}  // namespace

std::optional<LookPlan> plan_drift_look(store::Transaction& transaction, ModelId model, const settings::Model& settings,
                                        const settings::DriftTrigger& rule, TimePoint now) {
  auto plan = plan_look(transaction, model, settings, rule.window, now);
  if (!plan) return std::nullopt;
  plan->job.features = true;
  plan->job.scores = rule.score && has_scores(plan->job.columns);
  std::vector<BlockStream> streams{BlockStream::features};
  if (plan->job.scores) {
    streams.push_back(BlockStream::scores);
    add_artifact(transaction, *plan);
  }
  add_known(transaction, *plan, streams);
  return plan;
}

DriftFinding conclude_drift_look(store::Transaction& transaction, const LookPlan& plan, const LookResult& result,
                                 const settings::DriftTrigger& rule, const std::string& trigger) {
  const Duration allowance = plan.job.model.late_rows;
  DriftFinding out;
  out.outdated = !store_blocks(transaction, plan, result, BlockStream::features, result.features, allowance);
  if (plan.job.scores && !store_blocks(transaction, plan, result, BlockStream::scores, result.scores, allowance)) {
    out.outdated = true;
  }
  if (out.outdated) return out;

  Comparison comparison(transaction, plan, result, rule);
  comparison.add_stream(BlockStream::features);
  if (plan.job.scores) comparison.add_stream(BlockStream::scores);

  out.check = {.model = plan.model,
               .version = plan.job.version,
               .trigger = trigger,
               .axis = plan.job.axis,
               .window_from = std::nullopt,
               .window_to = result.newest,
               .rows = comparison.rows(),
               .calibration = comparison.calibration(),
               .columns = comparison.compare()};
  if (comparison.first()) {
    out.check.window_from = std::max(plan.job.trained_to, plan.job.grid.begin_of(*comparison.first()));
  }
  out.observation = {.version = plan.job.version,
                     .rows = out.check.rows,
                     .columns = out.check.columns,
                     .calibration = out.check.calibration};
  const auto drifted = std::count_if(out.check.columns.begin(), out.check.columns.end(), [](const auto& column) {
    return column.verdict == stats::ColumnVerdict::drifted;
  });
  out.sentence = fmt::format("{} of {} columns drifted in {} rows{}{}", drifted, out.check.columns.size(),
                             out.check.rows, out.check.calibration.empty() ? "" : "; ", out.check.calibration);
  return out;
}

trigger::DriftObservation no_drift_without_production() {
  return {.version = 0, .rows = 0, .columns = {}, .calibration = ""};
}

}  // namespace retraind::pipeline
