#pragma once
// The distribution of the Kolmogorov-Smirnov distance, the largest difference of two distribution functions. All tails
// come as natural logarithms or are summed from positive terms, so that small ones keep their digits. Pure.

#include <cstdint>
#include <span>

namespace retraind::stats {

// The distance of two samples, 0..1; ties are stepped over together. Throws std::logic_error for an empty sample or a
// value that is NaN.
double kolmogorov_distance(std::span<const double> a, std::span<const double> b);

// ln P(K >= z) of Kolmogorov's limiting distribution (1933), to 1e-14 of p where p is above 1e-3, and of ln p below.
double log_sf_kolmogorov(double z);

// ln P(D_n >= d) of the distance between `n` >= 1 rows and the distribution they come from, which scipy calls kstwo.
// For 140 <= n <= 100,000 by the expansion of Pelz and Good (1976) or twice the exact one-sided tail (Smirnov 1944),
// within 1e-6 of p; outside by the limiting distribution, which is never the smaller.
double log_sf_kolmogorov_smirnov(double d, double n);

// P(D >= d) for two samples of n and m rows of one continuous distribution, exactly; with ties it is too large. Takes
// n * m steps; 1 where either is 0.
double exact_sf_kolmogorov_smirnov(double d, std::uint64_t n, std::uint64_t m);

}  // namespace retraind::stats
