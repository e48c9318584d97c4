#pragma once
// Did a column change, by how much, and how sure can one be? Needs an effect and evidence: a distance, bias-corrected
// where it has a bias, against a minimum effect, so that one rule serves at a hundred rows and at a hundred million.
// Pure. Formulas and units of every method: docs/statistics.md.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"
#include "core/stats/profile.h"

namespace retraind::stats {

struct DriftRule {
  DriftMethod method = DriftMethod::jensen_shannon;
  double min_effect = 0.05;      // the effect that does not matter, in the method's unit; (0, 1), wasserstein > 0
  double alpha = 0.01;           // level over all columns together, after Benjamini-Hochberg
  std::uint64_t min_rows = 200;  // that the method looks at, on either side; fewer, and always 0: insufficient_data
};

enum class ColumnVerdict { ok, drifted, insufficient_data };

// What one comparison of one column says by itself.
struct ColumnMeasure {
  double effect = 0;      // in the method's unit; bias-corrected where the method has a bias
  double effect_low = 0;  // 95 % interval of the effect
  double effect_high = 0;
  double statistic = 0;  // what the test is made on
  double degrees = 0;    // its degrees of freedom, 0 where it has none
  double log_p = 0;      // natural log of the p-value of "the effect is min_effect or less"; never underflows
};

// `inflation` >= 1 divides the effective number of rows: rows that depend on one another tell less than their number.
// Throws std::logic_error when the two do not share their edges or levels. A side without rows gives effect 0, p 1.
// Methods that do not apply to the kind of column (ks, wasserstein and out_of_range to texts, unseen to numbers) give
// effect 0, p 1, and so does a column that holds one cell on both sides.
// With fewer than 200 rows on a side no limiting distribution is relied upon alone: the p-value is then the larger of
// the method's and that of "nothing differs", by 9,999 tables dealt at random or exactly; 1e-4 is the least of the
// former.
ColumnMeasure measure_column(const ColumnProfile& reference, const ColumnProfile& current, DriftMethod method,
                             double min_effect, double inflation = 1);

// What is known of a column from the blocks of the reference (calibration.h).
struct ColumnCalibration {
  Calibration kind = Calibration::uncalibrated;
  double threshold = 0;     // the effect must exceed it as well; at least min_effect
  double inflation = 1;     // see measure_column
  std::size_t windows = 0;  // reference windows that the threshold comes from
};

struct ColumnDrift {
  std::string column;
  ColumnRole role = ColumnRole::feature;
  double importance = 0;  // share of the production model's importance, features only
  DriftMethod method = DriftMethod::jensen_shannon;
  double effect = 0;
  double effect_low = 0;
  double effect_high = 0;
  double statistic = 0;
  double degrees = 0;
  double log_p = 0;
  double p_value = 1;    // exp(log_p), 0 when that underflows
  double threshold = 0;  // the effect it had to exceed
  Calibration calibration = Calibration::uncalibrated;
  ColumnVerdict verdict = ColumnVerdict::insufficient_data;
  std::string sentence;  // for people: what moved, from what share to what share, or why it could not be judged
};

// Compares each reference profile with the current profile of the same column. Missing values are a cell of their own;
// unseen categories and values outside the reference's range bypass pooling; cells expected to hold fewer than 5 rows
// on either side are pooled. A cell that bypasses pooling may be expected to hold next to nothing, and there T is not
// chi-square: with 100,000 reference rows, one stray value among 200 would add 500 to it. 8 Ne JSD has the same
// distribution as T where T has one, adds at most 8 ln 2 / 2 a row in such a cell, and measures the very distance the
// rule is about; the lesser of the two is tested.
// The columns are judged together, those with enough rows that the method applies to; columns that it does not apply to
// are ok, and their sentence says so. A column that holds one cell on both sides is ok. Throws std::logic_error when
// the two lists do not name the same columns in the same order, when two profiles do not share their edges or levels,
// and for a rule outside its ranges. `calibration` is parallel to the columns, or empty: then nothing is known of
// dependence, and the verdicts say uncalibrated. A column has drifted when its adjusted p-value is at most alpha and
// its effect exceeds its threshold.
std::vector<ColumnDrift> compare_profiles(std::span<const ColumnProfile> reference,
                                          std::span<const ColumnProfile> current, const DriftRule& rule,
                                          std::span<const ColumnCalibration> calibration = {});

// The same for two rows of counts of the same length (cells); exposed for tests against published values. Cells that
// are empty on both sides do not count; a side without rows gives zeros. Throws std::logic_error for negative counts
// and different lengths.
struct CellComparison {
  double statistic = 0;  // Ne * sum (p-q)^2 / pbar
  double degrees = 0;
  double distance = 0;            // Jensen-Shannon distance, base 2, as observed
  double corrected_distance = 0;  // sqrt(max(0, JSD_nats - df / (8 Ne)) / ln 2)
  double effective_rows = 0;      // Ne = n m / (n + m)
};
CellComparison compare_cells(std::span<const double> reference, std::span<const double> current);

// ln P(X >= x) for X noncentral chi-square with `df` > 0 degrees of freedom and noncentrality `lambda` >= 0, finite.
// Exact to 1e-6 relative in p where p > 1e-250. Below that, and for x or lambda above 1e5, by the second-order
// saddlepoint approximation: there within 1e-8 of p above 1e-250, and within 1 % of p below, for any x. 0 for x <= 0,
// minus infinity for an infinite x.
double log_sf_noncentral_chi_square(double x, double df, double lambda);

// Benjamini and Hochberg (1995): adjusted natural-log p-values, in the order given.
std::vector<double> benjamini_hochberg(std::span<const double> log_p);
// Holm (1979), likewise.
std::vector<double> holm(std::span<const double> log_p);

}  // namespace retraind::stats
