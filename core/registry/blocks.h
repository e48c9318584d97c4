#pragma once
// The time blocks that a version's rows are counted in: those of the rows it was trained and judged on, which never
// change, and those of the rows since, which are replaced whole while rows or labels may still come late. Every
// function works inside the caller's transaction. What a block holds is packed by core/stats. Lists of blocks whose
// indices do not ascend, or lie before `from`, are a std::logic_error.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::registry {

// features: counts of the columns; scores: counts of what production predicts; losses: sums of how it fares where the
// label is known (stats::MetricSums).
enum class BlockStream { features, scores, losses };

struct Block {
  std::int64_t index = 0;
  std::uint64_t rows = 0;
  std::string packed;
};

// Of the rows a version was trained on (features) or judged on (scores, losses). Together with add_version; immutable
// afterwards.
void add_reference_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                          const std::vector<Block>& blocks);
std::vector<Block> list_reference_blocks(store::Transaction& transaction, ModelId model, int version,
                                         BlockStream stream);

// How far the rows since have been read. Blocks from `first` on are there as far as rows were; those before `open` are
// never read again, for what would still come for them comes too late.
struct WatchMark {
  std::int64_t first = 0;
  std::int64_t open = 0;
  TimePoint read_at{};
  std::string basis{};  // sha256 of the source, query and columns the blocks were counted with
};
// Locks the mark until the transaction ends, so that two checks of one version do not mix. std::nullopt: never read.
std::optional<WatchMark> find_mark(store::Transaction& transaction, ModelId model, int version, BlockStream stream);

// Replaces all blocks from `from` on by `blocks` (indices >= from, ascending) and moves the mark. Blocks of another
// basis do not mix with these: where mark.basis differs from the stored one, all that are there go first. Does nothing
// and returns false when a newer reading (mark.read_at) is there already, whatever its basis; one of the same instant
// is replaced.
bool put_fresh_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                      std::int64_t from, const std::vector<Block>& blocks, const WatchMark& mark);

// Blocks with indices in [first, last], ascending.
std::vector<Block> list_fresh_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                                     std::int64_t first, std::int64_t last);
// The newest blocks that hold at least `rows` rows together, ascending; all of them when there are fewer.
std::vector<Block> list_newest_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                                      std::uint64_t rows);

// Removes the fresh blocks and marks of versions that left production more than 30 days before `now` and have not come
// back; returns how many blocks. A version that comes back later is read anew.
std::uint64_t remove_old_blocks(store::Transaction& transaction, TimePoint now);

}  // namespace retraind::registry
