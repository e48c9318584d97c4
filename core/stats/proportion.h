#pragma once
// Shares of rows: their intervals, and how sure it is that one exceeds another. Counts may be fractions of rows, which
// is what rows that depend on one another are worth. Pure.

#include <cstdint>

namespace retraind::stats {

struct Bounds {
  double low = 0;
  double high = 1;
};

// Wilson's score interval (1927) of `hits` among `rows` > 0, `z` standard errors to either side.
Bounds wilson(double hits, double rows, double z);

// Clopper and Pearson (1934): each bound is wrong with probability `tail` in (0, 1) at most.
Bounds clopper_pearson(double hits, double rows, double tail);

// Of the second share less the first: Newcombe (1998), method 10, from the two score intervals.
Bounds newcombe(double first_hits, double first_rows, double second_hits, double second_rows, double z);

// ln P(Z >= z) of a standard normal; never underflows.
double log_sf_normal(double z);

// ln of the evidence that the second share exceeds the first by `more` or less: the level at which Newcombe's lower
// bound is `more`. 0 where the difference is no larger. 0 <= more < 1.
double log_p_rise(double first_hits, double first_rows, double second_hits, double second_rows, double more);

// ln P(X >= hits) for `rows` draws with probability `share`. Exact where it is above 1e-280; below, Chernoff's bound,
// which is never the smaller.
double log_sf_binomial(double hits, double rows, double share);

// ln P(at least `hits` of `rows` drawn rows are marked), where `marked` of `total` rows are (Fisher's exact test, one
// side). hits <= rows <= total, hits <= marked <= total. Takes min(rows, marked) - hits steps.
double log_sf_hypergeometric(std::uint64_t hits, std::uint64_t rows, std::uint64_t marked, std::uint64_t total);

}  // namespace retraind::stats
