#include "core/registry/blocks.h"

#include <limits>
#include <stdexcept>

#include "core/registry/bytea.h"
#include "core/store/sql.h"

namespace retraind::registry {
namespace {

using store::execute;
using store::read;

// So many bytes of text travel in one statement (each byte of a block takes two): thousands of blocks in few round
// trips, and no statement that grows without bound.
constexpr std::size_t kBatchBytes = 8 << 20;

constexpr const char* kInsertReference = R"sql(/* retraind:registry.insert_reference_blocks */
INSERT INTO retraind.reference_block (model_id, version, stream, index, rows, packed)
SELECT $1::bigint, $2::integer, $3::text, b.index, b.rows, b.packed FROM unnest($4::bigint[], $5::bigint[], $6::bytea[]) AS b (index, rows, packed))sql";

constexpr const char* kInsertFresh = R"sql(/* retraind:registry.insert_fresh_blocks */
INSERT INTO retraind.fresh_block (model_id, version, stream, index, rows, packed)
SELECT $1::bigint, $2::integer, $3::text, b.index, b.rows, b.packed FROM unnest($4::bigint[], $5::bigint[], $6::bytea[]) AS b (index, rows, packed))sql";

constexpr const char* kListReference = R"sql(/* retraind:registry.list_reference_blocks */
SELECT index, rows, packed FROM retraind.reference_block WHERE model_id = $1 AND version = $2 AND stream = $3 ORDER BY index)sql";

constexpr const char* kFindMark = R"sql(/* retraind:registry.find_mark */
SELECT first, open, read_at, basis FROM retraind.watch WHERE model_id = $1 AND version = $2 AND stream = $3 FOR UPDATE)sql";

// The row of the mark is the lock of its blocks. Two first readings meet in the primary key: the later one waits there.
// Setting nothing locks the row and returns what it says, also when somebody else has just written it.
constexpr const char* kHoldMark = R"sql(/* retraind:registry.hold_mark */
INSERT INTO retraind.watch AS w (model_id, version, stream, first, open, read_at, basis) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (model_id, version, stream) DO UPDATE SET basis = w.basis
RETURNING w.read_at > $6, w.basis = $7)sql";

constexpr const char* kMoveMark = R"sql(/* retraind:registry.move_mark */
UPDATE retraind.watch SET first = $4, open = $5, read_at = $6, basis = $7 WHERE model_id = $1 AND version = $2 AND stream = $3)sql";

constexpr const char* kDeleteFresh = R"sql(/* retraind:registry.delete_fresh_blocks */
DELETE FROM retraind.fresh_block WHERE model_id = $1 AND version = $2 AND stream = $3 AND index >= $4)sql";

constexpr const char* kListFresh = R"sql(/* retraind:registry.list_fresh_blocks */
SELECT index, rows, packed FROM retraind.fresh_block
 WHERE model_id = $1 AND version = $2 AND stream = $3 AND index BETWEEN $4 AND $5 ORDER BY index)sql";

// Counts first, without the bytes, how far back the rows go.
constexpr const char* kListNewest = R"sql(/* retraind:registry.list_newest_blocks */
SELECT b.index, b.rows, b.packed FROM retraind.fresh_block b
 WHERE b.model_id = $1 AND b.version = $2 AND b.stream = $3
   AND b.index >= (SELECT min(newer.index)
                     FROM (SELECT f.index, sum(f.rows) OVER (ORDER BY f.index DESC) - f.rows AS rows_after
                             FROM retraind.fresh_block f WHERE f.model_id = $1 AND f.version = $2 AND f.stream = $3) newer
                    WHERE newer.rows_after < $4::numeric)
 ORDER BY b.index)sql";

// Each block has a mark, so what is to go is found among the marks, which are few, and not among the blocks.
constexpr const char* kRemoveOldMarks = R"sql(/* retraind:registry.remove_old_marks */
DELETE FROM retraind.watch w
 WHERE EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = w.model_id AND p.version = w.version)
   AND NOT EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = w.model_id AND p.version = w.version
                      AND (upper_inf(p.during) OR upper(p.during) >= $1::timestamptz - interval '30 days'))
RETURNING w.model_id, w.version)sql";

constexpr const char* kRemoveBlocks = R"sql(/* retraind:registry.remove_blocks */
DELETE FROM retraind.fresh_block b USING (SELECT DISTINCT g.* FROM unnest($1::bigint[], $2::integer[]) g (model_id, version)) gone
 WHERE b.model_id = gone.model_id AND b.version = gone.version)sql";

const char* word_of(BlockStream stream) {
  switch (stream) {
    case BlockStream::features:
      return "features";
    case BlockStream::scores:
      return "scores";
    case BlockStream::losses:
      return "losses";
  }
  throw std::logic_error("no such stream of blocks");
}

void require_ascending(const std::vector<Block>& blocks) {
  for (std::size_t i = 1; i < blocks.size(); ++i) {
    if (blocks[i].index <= blocks[i - 1].index) {
      throw std::logic_error(fmt::format("block {} follows block {}", blocks[i].index, blocks[i - 1].index));
    }
  }
}

void insert(store::Transaction& transaction, const char* statement, ModelId model, int version, BlockStream stream,
            const std::vector<Block>& blocks) {
  // Arrays in PostgreSQL's syntax, written in one go: elements of hexadecimal digits need no search for what to escape.
  std::string indices;
  std::string rows;
  std::string packed;
  const auto flush = [&] {
    if (indices.empty()) return;
    execute(transaction, statement, model, version, word_of(stream), "{" + indices + "}", "{" + rows + "}",
            "{" + packed + "}");
    indices.clear();
    rows.clear();
    packed.clear();
  };
  for (const Block& block : blocks) {
    const char* const comma = indices.empty() ? "" : ",";
    indices += comma + std::to_string(block.index);
    rows += comma + std::to_string(block.rows);
    packed += comma;
    packed += R"("\\x)";
    append_hex(packed, block.packed);
    packed += '"';
    if (packed.size() >= kBatchBytes) flush();
  }
  flush();
}

std::vector<Block> to_blocks(const pqxx::result& found) {
  std::vector<Block> out;
  out.reserve(static_cast<std::size_t>(found.size()));
  for (const auto& row : found) {
    out.push_back({.index = row[0].as<std::int64_t>(),
                   .rows = row[1].as<std::uint64_t>(),
                   .packed = pqxx::binarystring(row[2]).str()});
  }
  return out;
}

}  // namespace

void add_reference_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                          const std::vector<Block>& blocks) {
  require_ascending(blocks);
  insert(transaction, kInsertReference, model, version, stream, blocks);
}

std::vector<Block> list_reference_blocks(store::Transaction& transaction, ModelId model, int version,
                                         BlockStream stream) {
  return to_blocks(execute(transaction, kListReference, model, version, word_of(stream)));
}

std::optional<WatchMark> find_mark(store::Transaction& transaction, ModelId model, int version, BlockStream stream) {
  const pqxx::result found = execute(transaction, kFindMark, model, version, word_of(stream));
  if (found.empty()) return std::nullopt;
  return WatchMark{.first = found[0][0].as<std::int64_t>(),
                   .open = found[0][1].as<std::int64_t>(),
                   .read_at = read<TimePoint>(found[0][2]),
                   .basis = found[0][3].as<std::string>()};
}

bool put_fresh_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                      std::int64_t from, const std::vector<Block>& blocks, const WatchMark& mark) {
  require_ascending(blocks);
  if (!blocks.empty() && blocks.front().index < from) {
    throw std::logic_error(fmt::format("block {} lies before the first replaced one, {}", blocks.front().index, from));
  }
  const char* const word = word_of(stream);
  const auto put_mark = [&](const char* statement) {
    return execute(transaction, statement, model, version, word, mark.first, mark.open, mark.read_at, mark.basis);
  };
  const pqxx::result held = put_mark(kHoldMark);
  const bool newer_is_there = held.at(0)[0].as<bool>();
  const bool same_basis = held[0][1].as<bool>();
  if (newer_is_there) return false;
  put_mark(kMoveMark);
  execute(transaction, kDeleteFresh, model, version, word,
          same_basis ? from : std::numeric_limits<std::int64_t>::min());
  insert(transaction, kInsertFresh, model, version, stream, blocks);
  return true;
}

std::vector<Block> list_fresh_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                                     std::int64_t first, std::int64_t last) {
  return to_blocks(execute(transaction, kListFresh, model, version, word_of(stream), first, last));
}

std::vector<Block> list_newest_blocks(store::Transaction& transaction, ModelId model, int version, BlockStream stream,
                                      std::uint64_t rows) {
  return to_blocks(execute(transaction, kListNewest, model, version, word_of(stream), rows));
}

std::uint64_t remove_old_blocks(store::Transaction& transaction, TimePoint now) {
  // The marks first: they are the locks.
  std::vector<std::string> models;
  std::vector<std::string> versions;
  for (const auto& row : execute(transaction, kRemoveOldMarks, now)) {
    models.push_back(row[0].as<std::string>());
    versions.push_back(row[1].as<std::string>());
  }
  if (models.empty()) return 0;
  return static_cast<std::uint64_t>(execute(transaction, kRemoveBlocks, models, versions).affected_rows());
}

}  // namespace retraind::registry
