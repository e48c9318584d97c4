#include "core/pipeline/fresh_blocks.h"

#include <algorithm>

#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/pipeline/reference.h"
#include "core/registry/artifacts.h"

namespace retraind::pipeline {
namespace {

// Blocks that were counted by another query, or from another source, are not those of this one.
std::string basis_of(const LookJob& job) {
  std::string text;
  for (const std::string& part :
       {job.model.source, job.model.query, job.model.time_column, job.model.label,
        format_duration(job.model.label_delay), format_number(job.model.validation.threshold)}) {
    text += std::to_string(part.size()) + ":" + part;
  }
  return to_hex(sha256(text));
}

}  // namespace

std::optional<LookPlan> plan_look(store::Transaction& transaction, ModelId model, const settings::Model& settings,
                                  const settings::Window& window, TimePoint now) {
  const auto production = registry::find_production(transaction, model);
  if (!production) return std::nullopt;
  LookPlan plan;
  plan.model = model;
  plan.production = *production;
  plan.job.model = settings;
  plan.job.now = now;
  plan.job.version = production->version;
  plan.job.axis = production->axis;
  plan.job.trained_to = production->trained_to;
  plan.job.grid = stats::grid_for(production->axis, production->trained_from, production->trained_to);
  plan.job.columns = registry::list_columns(transaction, model, production->version);
  plan.job.window = window;
  return plan;
}

void add_artifact(store::Transaction& transaction, LookPlan& plan) {
  plan.artifact = registry::load_artifact(transaction, plan.production.artifact_sha256);
  plan.job.artifact_file = "production.tar";
  plan.job.artifact_sha256 = plan.production.artifact_sha256;
}

void add_known(store::Transaction& transaction, LookPlan& plan, const std::vector<registry::BlockStream>& streams) {
  std::optional<LookJob::Known> known;
  for (const registry::BlockStream stream : streams) {
    const auto mark = registry::find_mark(transaction, plan.model, plan.job.version, stream);
    if (!mark || mark->basis != basis_of(plan.job)) return;
    if (!known) known = LookJob::Known{.first = mark->first, .open = mark->open, .rows = 0};
    known->first = std::max(known->first, mark->first);
    known->open = std::min(known->open, mark->open);
  }
  if (!known) return;
  if (std::holds_alternative<settings::WindowRows>(plan.job.window)) {
    for (const registry::Block& block : registry::list_fresh_blocks(transaction, plan.model, plan.job.version,
                                                                    streams.front(), known->first, known->open - 1)) {
      known->rows += block.rows;
    }
  }
  plan.job.known = known;
}

bool store_blocks(store::Transaction& transaction, const LookPlan& plan, const LookResult& result,
                  registry::BlockStream stream, const std::vector<registry::Block>& blocks, Duration allowance) {
  if (!result.newest) return true;
  const stats::BlockGrid& grid = plan.job.grid;
  const std::int64_t last = grid.index_of(*result.newest);
  const std::int64_t settled = plan.job.axis == TimeAxis::instant
                                   ? grid.index_of(*result.newest - static_cast<double>(allowance.count()))
                                   : last - 1;
  registry::WatchMark mark{.first = result.read_from,
                           .open = std::max(result.read_from, settled),
                           .read_at = plan.job.now,
                           .basis = basis_of(plan.job)};
  if (result.extended) {
    if (const auto before = registry::find_mark(transaction, plan.model, plan.job.version, stream)) {
      mark.first = std::min(mark.first, before->first);
    }
  }
  if (registry::put_fresh_blocks(transaction, plan.model, plan.job.version, stream, result.read_from, blocks, mark)) {
    return true;
  }
  // A newer reading that is there already is as good, if it reaches back as far.
  const auto there = registry::find_mark(transaction, plan.model, plan.job.version, stream);
  return there && there->basis == mark.basis && there->first <= result.first;
}

std::vector<registry::Block> window_blocks(store::Transaction& transaction, const LookPlan& plan,
                                           const LookResult& result, registry::BlockStream stream) {
  if (!result.newest) return {};
  if (const auto* rows = std::get_if<settings::WindowRows>(&plan.job.window)) {
    return registry::list_newest_blocks(transaction, plan.model, plan.job.version, stream, rows->rows);
  }
  return registry::list_fresh_blocks(transaction, plan.model, plan.job.version, stream, result.first,
                                     plan.job.grid.index_of(*result.newest));
}

std::vector<stats::ColumnProfile> sum_of(const std::vector<registry::Block>& blocks,
                                         const std::vector<stats::ColumnProfile>& cells) {
  std::vector<stats::ColumnProfile> out;
  for (const stats::ColumnProfile& column : cells) out.push_back(stats::empty_like(column));
  for (const registry::Block& block : blocks) {
    const std::vector<stats::ColumnProfile> counts = stats::unpack_counts(block.packed, cells);
    for (std::size_t i = 0; i < out.size(); ++i) stats::merge(out[i], counts[i]);
  }
  return out;
}

std::vector<stats::ProfileBlock> unpack(const std::vector<registry::Block>& blocks,
                                        const std::vector<stats::ColumnProfile>& cells) {
  std::vector<stats::ProfileBlock> out;
  for (const registry::Block& block : blocks) out.push_back({block.index, stats::unpack_counts(block.packed, cells)});
  return out;
}

}  // namespace retraind::pipeline
