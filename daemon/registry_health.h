#pragma once
// Whether the registry does what the loops ask of it. When it stops to, one line says so, and one when it is back: not
// one for each loop and each attempt. A failure that is none of the registry's (a bug, a missing permission) is told
// apart and repeated, but seldom. On the thread of the io_context.

#include <chrono>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace retraind::daemon {

class RegistryHealth {
 public:
  struct Trouble {
    TimePoint since;    // by the host's clock
    std::string words;  // the first failure's
  };

  // A pass of `loop` ("run") failed: `what` ("runs could not be claimed"), by `error`. The loop tries again after
  // `pause`.
  void pass_failed(std::string_view loop, std::string_view what, const std::exception& error, Duration pause);
  // One succeeded, or had nothing to ask. The trouble is over when no loop has any more.
  void pass_succeeded(std::string_view loop);

  // Set while the registry fails any of the loops.
  const std::optional<Trouble>& trouble() const { return trouble_; }

 private:
  struct Failure {
    std::string words;
    std::chrono::steady_clock::time_point told_at;
  };

  std::optional<Trouble> trouble_;
  std::set<std::string, std::less<>> failing_;  // the loops that have it
  std::chrono::steady_clock::time_point told_at_{};
  std::map<std::string, Failure, std::less<>> failures_;  // that are not the registry's, by loop
};

}  // namespace retraind::daemon
