#pragma once
// What became of the configuration that was read last, kept in memory for whoever asks: the STATUS line and the
// metrics. Written by Daemon, at the start and at each reload, and read on the thread of the io_context. Holds no
// secret.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/time.h"

namespace retraind::daemon {

struct ReloadOutcome {
  // Of the newest attempt; the start counts as the first. By the host's clock, as log lines are.
  std::optional<TimePoint> at;  // absent: nothing has been loaded into the registry yet
  bool ok = false;
  std::size_t complaints = 0;  // what is wrong in the files; 0 with `ok` false: the registry did not take them
  std::string problem;         // the first complaint, or the registry's words; empty when ok

  // The settings in force are those of this moment.
  std::optional<TimePoint> succeeded_at;
  std::uint64_t succeeded = 0;  // attempts since the start, the start itself included
  std::uint64_t failed = 0;

  void succeed(TimePoint now) {
    at = succeeded_at = now;
    ok = true;
    complaints = 0;
    problem.clear();
    ++succeeded;
  }

  void fail(TimePoint now, std::size_t number_of_complaints, std::string first) {
    at = now;
    ok = false;
    complaints = number_of_complaints;
    problem = std::move(first);
    ++failed;
  }
};

}  // namespace retraind::daemon
