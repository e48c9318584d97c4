#pragma once
// A pass over all that [retention] lets go, hour by hour, cut into small transactions and those into short sittings, so
// that neither the registry nor the rest of upkeep waits for it. Where a sitting ends the next one goes on; a failed
// one begins its kind anew later. Belongs to UpkeepLoop; blocking.

#include <chrono>
#include <cstdint>

#include "core/runs/retention.h"
#include "core/store/limits.h"
#include "daemon/context.h"

namespace retraind::daemon {

// Of whatever removes rows in the background: an artifact goes whole, and may be a gigabyte on a slow disk.
inline constexpr store::Limits kRemovalLimits{.statement = std::chrono::minutes(5), .lock = std::chrono::seconds(10)};

class RetentionSweep {
 public:
  explicit RetentionSweep(Context& context) : context_(context) {}

  // One sitting: nothing when no pass is due. Throws what the registry throws.
  void go_on();

 private:
  void end_kind();
  void begin_kind(std::size_t kind);

  Context& context_;
  std::chrono::steady_clock::time_point next_pass_{};
  std::size_t kind_ = 0;  // position among RetentionKind
  runs::RetentionMark mark_;
  std::uint64_t removed_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace retraind::daemon
