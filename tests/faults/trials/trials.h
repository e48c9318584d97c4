#pragma once
// What the fault trials share: how many there are, the seed of what is random in them, the figures they print, and the
// one look at everything after each. A figure is printed as one line that scripts/faults collects:
//
//   figure: NAME n=40 failures=0 p50=0.81s p99=1.90s max=2.01s
//
// Of the environment: RETRAIND_FAULTS_SEED (printed, else taken from the clock), RETRAIND_FAULTS_TRIALS (instead of the
// number a test asks for), RETRAIND_LONG (the long form).

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "tests/e2e/world/world.h"
#include "tests/support/invariants.h"
#include "tests/support/leftovers.h"

namespace retraind::testing {

bool long_form();
int trials(int in_short_form, int in_long_form);
// The same for all tests of a run; each mixes its own name into it.
Random random_of(const std::string& test);

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// Printed when it goes.
class Figure {
 public:
  explicit Figure(std::string name) : name_(std::move(name)) {}
  ~Figure();
  Figure(const Figure&) = delete;
  Figure& operator=(const Figure&) = delete;

  void add(Seconds value) { values_.push_back(value.count()); }
  void count() { ++counted_; }
  void fail() { ++failures_; }
  // Of what was added; 0 when there is nothing. `share` in [0, 1]: the smallest value that so many do not exceed.
  Seconds quantile(double share) const;

 private:
  std::string name_;
  std::vector<double> values_;
  int counted_ = 0;
  int failures_ = 0;
};

// As World::comes_true, but silent, and says how long it took; std::nullopt after the deadline.
std::optional<Seconds> time_until(const std::function<bool()>& fact, std::chrono::seconds deadline);
// Nothing is queued, running, waiting to be told, or due.
bool at_rest(World& world);

// The function that a model's query calls after reading_slowly(): every other row waits two milliseconds at the source,
// and an extraction takes seconds, in which something can happen to it.
void make_slow_function(TestConnection& source);
std::string reading_slowly(std::string model);

// Everything that must hold, in sentences; asked again for at most ten seconds where processes may still be going.
std::string what_is_broken(World& world, const std::set<pid_t>& living, const InvariantBounds& bounds = {});

}  // namespace retraind::testing
