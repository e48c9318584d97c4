#pragma once
// How long something has taken, on the clock that only goes forward. The one place in core/ that reads a clock: a
// program that hangs is noticed by nothing else. It tells spans, never the time of day, and no decision but the end of
// a caged program rests on it. Belongs to one thread.

#include <chrono>

#include "core/base/time.h"

namespace retraind::cage {

class Stopwatch {
 public:
  Duration elapsed() const { return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began_); }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace retraind::cage
