#include "daemon/retention_sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/store/database.h"
#include "daemon/log.h"

namespace retraind::daemon {
namespace {

constexpr auto kPassPause = std::chrono::hours(1);
constexpr auto kRetryPause = std::chrono::minutes(1);
// A sitting of half a second between two looks at leases leaves a registry that lets a million rows go nine tenths of
// its time for other work.
constexpr auto kSitting = std::chrono::milliseconds(500);
constexpr std::size_t kBatchRows = 1000;

}  // namespace

void RetentionSweep::go_on() {
  const auto begin = std::chrono::steady_clock::now();
  if (begin < next_pass_) return;
  const std::size_t kinds = words_of<runs::RetentionKind>().size();
  while (kind_ < kinds) {
    if (std::chrono::steady_clock::now() - begin >= kSitting) return;
    const auto kind = static_cast<runs::RetentionKind>(kind_);
    runs::RemovedBatch batch;
    try {
      batch = context_.registry.transact("remove what has expired", [&](store::Transaction& transaction) {
        store::limit(transaction, kRemovalLimits);
        return runs::remove_expired(transaction, context_.executor, kind, mark_, kBatchRows);
      });
    } catch (...) {
      begin_kind(kind_);  // whether it happened or not, the rows themselves say so
      next_pass_ = begin + kRetryPause;
      throw;
    }
    removed_ += batch.removed;
    bytes_ += batch.bytes.value_or(0);
    mark_ = batch.mark;
    if (!batch.more) end_kind();
  }
  begin_kind(0);
  next_pass_ = begin + kPassPause;
}

void RetentionSweep::end_kind() {
  const auto kind = static_cast<runs::RetentionKind>(kind_);
  if (removed_ > 0) {
    std::string what(to_text(kind));
    std::ranges::replace(what, '_', ' ');
    log_info(fmt::format("retention: {} {} removed{}; see retraind.retention_history, pass {}", removed_, what,
                         bytes_ > 0 ? fmt::format(" ({:.1f} MiB)", static_cast<double>(bytes_) / (1 << 20)) : "",
                         mark_.pass.value_or(0)));
  }
  begin_kind(kind_ + 1);
}

void RetentionSweep::begin_kind(std::size_t kind) {
  kind_ = kind;
  mark_ = {};
  removed_ = 0;
  bytes_ = 0;
}

}  // namespace retraind::daemon
