#pragma once
// Did a column change, by how much, and how sure can one be? Needs an effect and evidence: a bias-corrected
// Jensen-Shannon distance against a minimum effect, tested by the noncentral chi-square distribution, so that one rule
// serves at a hundred rows and at a hundred million. Pure. Formulas: docs/statistics.md.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/stats/profile.h"

namespace retraind::stats {

struct DriftRule {
  double min_effect = 0.05;      // d0, Jensen-Shannon distance (base 2) that does not matter; (0, 1)
  double alpha = 0.01;           // level over all columns together, after Benjamini-Hochberg
  std::uint64_t min_rows = 200;  // on either side; fewer, and always 0, are insufficient_data
};

enum class ColumnVerdict { ok, drifted, insufficient_data };

struct ColumnDrift {
  std::string column;
  std::string method = "jensen_shannon";
  double effect = 0;     // bias-corrected distance, base 2, in [0, 1]
  double statistic = 0;  // homogeneity chi-square T, or 8 Ne JSD in nats where that is less (see compare_profiles)
  double degrees = 0;    // its degrees of freedom
  double log_p = 0;      // natural log of P(T' >= T) when the true distance is min_effect; never underflows
  double p_value = 1;    // exp(log_p), 0 when that underflows
  double threshold = 0;  // the minimum effect it was tested against
  ColumnVerdict verdict = ColumnVerdict::insufficient_data;
  std::string sentence;  // for people: what moved, from what share to what share, or why it could not be judged
};

// Compares each reference profile with the current profile of the same column. Missing values are a cell of their own;
// unseen categories and values outside the reference's range bypass pooling; cells expected to hold fewer than 5 rows
// on either side are pooled. A cell that bypasses pooling may be expected to hold next to nothing, and there T is not
// chi-square: with 100,000 reference rows, one stray value among 200 would add 500 to it. 8 Ne JSD has the same
// distribution as T where T has one, adds at most 8 ln 2 / 2 a row in such a cell, and measures the very distance the
// rule is about; the lesser of the two is tested.
// The columns are judged together, those with enough rows. A column that holds one cell on both sides is ok. Throws
// std::logic_error when the two lists do not name the same columns in the same order, when two profiles do not share
// their edges or levels, and for a rule outside its ranges.
std::vector<ColumnDrift> compare_profiles(std::span<const ColumnProfile> reference,
                                          std::span<const ColumnProfile> current, const DriftRule& rule);

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
