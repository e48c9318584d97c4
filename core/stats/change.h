#pragma once
// Detectors that watch the loss of one row after the other and say when it has surely become worse. Each is a value
// with a memory that can be written down and taken up again, so that a stream may be fed in pieces, by different
// processes. Pure; rows must come in the order of time. Formulas and false-alarm rates: docs/statistics.md.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::stats {

// ADWIN (Bifet and Gavalda, 2007) with the exponential histogram of five buckets a row, looking at every 32nd value,
// at all buckets including the last of each row. A cut where the newer part has the smaller mean shortens the window
// and is no alarm: an improvement is no harm.
class Adwin {
 public:
  explicit Adwin(double delta);  // (0, 1)
  ~Adwin();
  Adwin(Adwin&&) noexcept;
  Adwin& operator=(Adwin&&) noexcept;
  // True when the window was cut at this value. throws std::logic_error for a value that is not finite.
  bool add(double value);
  bool last_cut_was_rise() const;
  double width() const;
  double mean() const;
  std::string to_json() const;
  static Adwin from_json(std::string_view json);  // throws DataError

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Page-Hinkley / CUSUM on standardised values (Page, 1954): S = max(0, S + (x - mean) / deviation - slack), alarm when
// S >= limit.
struct PageHinkley {
  double mean = 0;
  double deviation = 1;  // > 0
  double slack = 0.25;
  double limit = 20;
  double sum = 0;
  std::uint64_t rows = 0;

  bool add(double value);  // true: alarm; the sum then begins at 0 again
};
// The limit that gives so many normal values between false alarms, by Siegmund's approximation (1985):
// (e^{2kb} - 2kb - 1) / (2 k^2), b = limit + 1.166. slack > 0, rows >= 10.
double page_hinkley_limit(double slack, double rows);

// The mean of values in [0, 1], bounded at every time at once: the predictable plug-in empirical Bernstein confidence
// sequence of Waudby-Smith and Ramdas (2024), with the running intersection.
struct ConfidenceSequence {
  double alpha = 0.05;  // that the mean ever leaves the bounds, both sides together
  std::uint64_t rows = 0;
  double sum = 0;           // of the values
  double square_sum = 0;    // of (x - running mean)^2
  double weight_sum = 0;    // of lambda
  double weighted_sum = 0;  // of lambda x
  double penalty_sum = 0;   // of v psi(lambda)
  double low = 0;
  double high = 1;

  void add(double value);  // throws std::logic_error outside [0, 1]
};

// One of the three, as a trigger uses it.
struct ChangeRule {
  Detector detector = Detector::adwin;
  double delta = 0.002;
  double tolerance = 0;                      // risk: in units of the loss
  std::uint64_t false_alarm_rows = 1000000;  // page_hinkley
  // What the loss of a row was at promotion; page_hinkley standardises by it, risk compares with it. `level_high` is
  // the upper bound of the mean; losses above `largest` are taken for `largest` (risk needs a bound).
  double level_mean = 0;
  double level_high = 0;
  double deviation = 1;
  double largest = 1;
};

struct ChangeAlarm {
  std::uint64_t row = 0;  // position in the stream since it began, from 1
  std::string sentence;   // "the mean loss rose from .12 to .31 over the last 640 of 9,200 rows (adwin, delta .002)"
};

// Feeds values to the detector whose memory `state` is (empty: a new one), and gives the alarms. A detector that has
// alarmed begins anew (adwin keeps its newer part; risk alarms once and then stays silent: what it says stays true).
// Throws DataError for a memory that is not this detector's.
struct ChangeOutcome {
  std::string state;       // JSON
  std::uint64_t rows = 0;  // fed to it so far, all together
  std::vector<ChangeAlarm> alarms;
};
ChangeOutcome feed(const ChangeRule& rule, std::string_view state, std::span<const double> losses);

}  // namespace retraind::stats
