#pragma once
// What nobody decides by any more leaves the registry here, a bounded batch at a time: old checks, decisions that
// started no run, logs, values of signals, and the bytes of versions that can never come into production. The law
// stands in the schema (migrations/010_upkeep.up.sql): retraind.remove_expired is the only way out, the longest wish of
// all daemons counts, nothing younger than a week goes, and each pass is recorded where it happens. Works inside the
// caller's transaction; a batch must be a transaction of its own, so that none is long.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/runs/daemons.h"
#include "core/settings/settings.h"

namespace retraind::runs {

// Spelled as the keys of [retention].
enum class RetentionKind { drift_checks, performance_checks, trigger_decisions, run_logs, signals, unused_artifacts };

// Makes this the wish of the executor's instance, in place of what it wished before.
void put_retention_policy(store::Transaction& transaction, const Executor& executor,
                          const settings::Retention& retention, TimePoint now);

// Where a pass over one kind has come to; the beginning when default-made.
struct RetentionMark {
  std::optional<std::int64_t> last;  // the key that was looked at last
  std::optional<std::int64_t> pass;  // the row of retraind.retention_history, once something was removed
};

struct RemovedBatch {
  std::uint64_t removed = 0;             // checks, decisions, logs, values or artifacts
  std::optional<std::uint64_t> bytes{};  // of artifacts, uncompressed
  bool more = false;                     // false: the pass is over, or another daemon is at it
  RetentionMark mark{};                  // go on from here
};
// Looks at up to about `limit` rows (1 to 10,000; of logs and artifacts fewer) and removes those that may go. Waits for
// nobody: what somebody is working on stays until the next pass.
RemovedBatch remove_expired(store::Transaction& transaction, const Executor& executor, RetentionKind kind,
                            const RetentionMark& mark, std::size_t limit);

}  // namespace retraind::runs

namespace retraind {
template <>
std::span<const std::string_view> words_of<runs::RetentionKind>();
}  // namespace retraind
