#pragma once
// The blocks of one stream of a look, on their way into the registry and out of it. Private to core/pipeline; inside
// the caller's transaction.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/pipeline/watch.h"
#include "core/registry/blocks.h"
#include "core/stats/block.h"

namespace retraind::pipeline {

// What production's version is to the watching triggers, before a stream is chosen. std::nullopt: no production.
std::optional<LookPlan> plan_look(store::Transaction& transaction, ModelId model, const settings::Model& settings,
                                  const settings::Window& window, TimePoint now);
// Loads the artifact, for a look that scores.
void add_artifact(store::Transaction& transaction, LookPlan& plan);
// Says which blocks of these streams are there already.
void add_known(store::Transaction& transaction, LookPlan& plan, const std::vector<registry::BlockStream>& streams);

// Replaces the blocks that were read again, and moves the mark: blocks older than `allowance` (instants; on a number
// axis all but the newest two) are never read again.
// False, and nothing written, when a newer reading is there that does not reach as far back as this one's window.
bool store_blocks(store::Transaction& transaction, const LookPlan& plan, const LookResult& result,
                  registry::BlockStream stream, const std::vector<registry::Block>& blocks, Duration allowance);

// The blocks of the window, ascending.
std::vector<registry::Block> window_blocks(store::Transaction& transaction, const LookPlan& plan,
                                           const LookResult& result, registry::BlockStream stream);

// The sum of the blocks; holds one of them unpacked at a time, since a window may have any number of them.
std::vector<stats::ColumnProfile> sum_of(const std::vector<registry::Block>& blocks,
                                         const std::vector<stats::ColumnProfile>& cells);

std::vector<stats::ProfileBlock> unpack(const std::vector<registry::Block>& blocks,
                                        const std::vector<stats::ColumnProfile>& cells);

}  // namespace retraind::pipeline
