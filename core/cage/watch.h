#pragma once
// Watches a program until it has ended: reads what it prints, looks at what it takes, and ends it when that is too much
// or too long. Belongs to the thread of its Launch.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/descriptor.h"
#include "core/cage/cage.h"
#include "core/cage/launch.h"
#include "core/cage/log.h"
#include "core/cage/stopwatch.h"

namespace retraind::cage {

// Among thousands of processes that all want to run, whoever should end them must be first. Where the system lets it
// (root, or with CAP_SYS_NICE) the calling thread is, as long as this lives; others count on the limits of the kernel.
class FirstInLine {
 public:
  FirstInLine();
  ~FirstInLine();
  FirstInLine(const FirstInLine&) = delete;
  FirstInLine& operator=(const FirstInLine&) = delete;

 private:
  bool raised_ = false;
  int policy_ = 0;
  int priority_ = 0;
};

class Watch {
 public:
  // `others` are children of this process that were there before.
  Watch(const CageSpec& spec, Launch& launch, const std::vector<int>& others);

  // Returns when pidfd() of the launch is readable. Throws TransientError when the program cannot be killed.
  void until_it_ends();
  // What is left in the pipe, once nobody writes into it any more.
  void drain();

  Log& log() { return log_; }
  Duration elapsed() const { return watch_.elapsed(); }
  CageStop stop() const { return stop_; }
  const std::string& excess() const { return excess_; }
  // Whether it was killed by us: at once for an excess, or since it did not heed TERM.
  bool killed() const { return killed_at_.has_value(); }
  std::uint64_t peak_memory_bytes() const { return peak_; }

 private:
  bool read_output();
  void look();
  void kill_for(CageStop stop, std::string excess);
  void keep_time();
  Duration next_event() const;

  const CageSpec& spec_;
  Launch& launch_;
  const std::vector<int>& others_;
  Log log_;
  Descriptor folder_;
  Stopwatch watch_;
  bool output_open_ = true;
  bool is_program_ = false;
  CageStop stop_ = CageStop::none;
  std::string excess_;
  std::optional<Duration> asked_at_;
  std::optional<Duration> killed_at_;
  Duration interval_;
  Duration next_look_;
  std::uint64_t peak_ = 0;
};

}  // namespace retraind::cage
