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
// at all buckets including the last of each row (but the newest bucket, behind which nothing is left to compare with).
// A cut where the newer part has the smaller mean shortens the window and is no alarm: an improvement is no harm.
// Memory grows with the logarithm of the window. Values beyond +-1e100 count as +-1e100, so that no sum overflows.
class Adwin {
 public:
  explicit Adwin(double delta);  // (0, 1)
  ~Adwin();
  Adwin(Adwin&&) noexcept;
  Adwin& operator=(Adwin&&) noexcept;
  // True when the window was cut at this value. throws std::logic_error for a value that is not finite.
  bool add(double value);
  // Whether what was kept at the latest cut had a larger mean than what was dropped; false before any cut.
  bool last_cut_was_rise() const;
  double width() const;  // rows in the window
  double mean() const;   // of the window; 0 when it is empty
  // A memory that was written down and taken up again goes on exactly as this one does.
  std::string to_json() const;
  static Adwin from_json(std::string_view json);  // throws DataError

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Page-Hinkley / CUSUM on standardised values (Page, 1954): S = max(0, S + (x - mean) / deviation - slack), alarm when
// S >= limit. One-sided: only a rise is looked for.
struct PageHinkley {
  double mean = 0;
  double deviation = 1;  // > 0
  double slack = 0.25;
  double limit = 20;
  double sum = 0;
  std::uint64_t rows = 0;  // since the sum was 0

  bool add(double value);  // true: alarm; the sum then begins at 0 again. throws std::logic_error if not finite
};
// The limit that gives so many normal values between false alarms, by Siegmund's approximation (1985):
// (e^{2kb} - 2kb - 1) / (2 k^2), b = limit + 1.166. slack > 0, rows >= 10; throws std::logic_error for others, and
// where the slack is so large that no positive limit has so few rows between alarms.
double page_hinkley_limit(double slack, double rows);
// The same for independent values of any shape whose largest lies `reach` standard deviations above their mean (> 0).
// Losses are skewed, and a limit for normal values would alarm far too often: for an error in every hundredth row,
// every few thousand rows where a million were asked for. The worst shape is the one with two values (Bennett, 1962);
// an error counted as 0 or 1 is exactly that, others alarm more rarely than asked for.
double page_hinkley_limit(double slack, double rows, double reach);

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

  // throws std::logic_error for a value outside [0, 1] and an alpha outside (0, 1). Where the mean changes, low and
  // high bound its weighted average so far, and low may come to lie above high.
  void add(double value);
};

// One of the three, as a trigger uses it.
struct ChangeRule {
  Detector detector = Detector::adwin;
  double delta = 0.002;                      // adwin; risk: alpha of the confidence sequence
  double tolerance = 0;                      // risk: in units of the loss, >= 0
  std::uint64_t false_alarm_rows = 1000000;  // page_hinkley
  // What the loss of a row was at promotion; page_hinkley standardises by it, risk compares with it. `level_high` is
  // the upper bound of the mean; losses above `largest` are taken for `largest` (both need a bound). deviation > 0,
  // largest > 0.
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
// The rule may change on the way: adwin and page_hinkley go on with their memory under the new one, and so does risk
// under another level or tolerance; under another delta or largest it begins anew. Throws DataError for a memory that
// is not this detector's, and for a level that the detector cannot work with (no spread at promotion, losses that were
// all 0); std::logic_error for a loss that is negative or not finite.
struct ChangeOutcome {
  std::string state;       // JSON
  std::uint64_t rows = 0;  // fed to it so far, all together
  std::vector<ChangeAlarm> alarms;
};
ChangeOutcome feed(const ChangeRule& rule, std::string_view state, std::span<const double> losses);

}  // namespace retraind::stats
