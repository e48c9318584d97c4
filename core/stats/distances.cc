#include "core/stats/distances.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <string>

#include "core/stats/divergence.h"
#include "core/stats/sum.h"

namespace retraind::stats {
namespace {

double factor_of(DriftMethod method) {
  switch (method) {
    case DriftMethod::jensen_shannon:
    case DriftMethod::hellinger:
      return 8;
    case DriftMethod::chi_square:
      return 4;
    case DriftMethod::psi:
      return 1;
    case DriftMethod::ks:
    case DriftMethod::wasserstein:
    case DriftMethod::null_rate:
    case DriftMethod::unseen:
    case DriftMethod::out_of_range:
      break;
  }
  throw std::logic_error(std::string(to_text(method)) + " is no sum over cells");
}

double total(std::span<const double> counts) {
  Sum sum;
  for (const double count : counts) sum.add(count);
  return sum.value();
}

}  // namespace

CellDistance::CellDistance(DriftMethod method) : method_(method), factor_(factor_of(method)) {}

double CellDistance::term(double reference, double n, double current, double m) const {
  if (reference + current == 0) return 0;
  double p = reference / n;
  double q = current / m;
  switch (method_) {
    case DriftMethod::jensen_shannon:
      return jensen_shannon_term(p, q);
    case DriftMethod::chi_square:
      return (p - q) * (p - q) / (p + q) / 2;
    case DriftMethod::hellinger:
      return (std::sqrt(p) - std::sqrt(q)) * (std::sqrt(p) - std::sqrt(q)) / 2;
    default:
      // A share of 0 would make it infinite; half a row stands for it.
      if (reference == 0) p = 0.5 / n;
      if (current == 0) q = 0.5 / m;
      return (p - q) * std::log(p / q);
  }
}

double CellDistance::divergence(std::span<const double> reference, std::span<const double> current) const {
  const double n = total(reference);
  const double m = total(current);
  if (reference.size() != current.size() || !(n > 0) || !(m > 0)) {
    throw std::logic_error("a distance needs two rows of cells of one length that hold something");
  }
  Sum sum;
  for (std::size_t i = 0; i < reference.size(); ++i) sum.add(term(reference[i], n, current[i], m));
  return std::clamp(sum.value(), 0.0, largest());
}

double CellDistance::effect_of(double divergence) const {
  if (method_ == DriftMethod::psi) return divergence;
  return std::sqrt(std::min(1.0, divergence / largest()));
}

double CellDistance::divergence_of(double effect) const {
  return method_ == DriftMethod::psi ? effect : effect * effect * largest();
}

double CellDistance::largest() const {
  if (method_ == DriftMethod::psi) return std::numeric_limits<double>::infinity();
  return method_ == DriftMethod::jensen_shannon ? std::numbers::ln2 : 1;
}

double observed_effect(DriftMethod method, std::span<const double> reference, std::span<const double> current) {
  const CellDistance distance(method);
  return distance.effect_of(distance.divergence(reference, current));
}

double standard_error_of_psi(std::span<const double> reference, std::span<const double> current) {
  const double n = total(reference);
  const double m = total(current);
  // The variance over the rows of either side of what one row more does to the index.
  Sum mean_before;
  Sum square_before;
  Sum mean_now;
  Sum square_now;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (reference[i] + current[i] == 0) continue;
    const double p = reference[i] > 0 ? reference[i] / n : 0.5 / n;
    const double q = current[i] > 0 ? current[i] / m : 0.5 / m;
    const double by_p = std::log(p / q) + 1 - q / p;
    const double by_q = std::log(q / p) + 1 - p / q;
    mean_before.add(reference[i] / n * by_p);
    square_before.add(reference[i] / n * by_p * by_p);
    mean_now.add(current[i] / m * by_q);
    square_now.add(current[i] / m * by_q * by_q);
  }
  const double before = square_before.value() - mean_before.value() * mean_before.value();
  const double now = square_now.value() - mean_now.value() * mean_now.value();
  return std::sqrt(std::max(0.0, before) / n + std::max(0.0, now) / m);
}

double wasserstein_distance(std::span<const Mass> a, std::span<const Mass> b) {
  struct Step {
    double at;
    double up;
  };
  std::vector<Step> steps;
  const auto add = [&](std::span<const Mass> masses, double sign) {
    Sum weight;
    for (const Mass& mass : masses) {
      if (!std::isfinite(mass.at) || !(mass.weight >= 0)) throw std::logic_error("a mass lies nowhere");
      weight.add(mass.weight);
    }
    if (!(weight.value() > 0)) throw std::logic_error("nothing cannot be moved");
    for (const Mass& mass : masses) steps.push_back({mass.at, sign * mass.weight / weight.value()});
  };
  add(a, 1);
  add(b, -1);
  std::sort(steps.begin(), steps.end(), [](const Step& x, const Step& y) { return x.at < y.at; });
  Sum difference;
  Sum area;
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) {
    difference.add(steps[i].up);
    area.add(std::fabs(difference.value()) * (steps[i + 1].at - steps[i].at));
  }
  return area.value();
}

double wasserstein_distance(std::span<const double> a, std::span<const double> b) {
  const auto masses = [](std::span<const double> values) {
    std::vector<Mass> result;
    for (const double value : values) result.push_back({value, 1});
    return result;
  };
  return wasserstein_distance(masses(a), masses(b));
}

}  // namespace retraind::stats
