#include "core/evaluate/wording.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace retraind::evaluate {
namespace {

constexpr int kDigits = 4;
constexpr int kAllDigits = 17;
constexpr double kShareOfDistance = 0.05;

std::string spell(double value, int digits) {
  // %g turns to powers of ten as soon as the digits before the point outnumber `digits`; people read 123457 better.
  const double size = std::fabs(value);
  char text[64];
  if (size >= std::pow(10.0, digits - 1) && size < 1e15) {
    const int before = static_cast<int>(std::floor(std::log10(size))) + 1;
    std::snprintf(text, sizeof text, "%.*f", digits > before ? digits - before : 0, value);
    return text;
  }
  std::snprintf(text, sizeof text, "%.*g", digits, value == 0 ? 0.0 : value);
  return text;
}

}  // namespace

std::string spell_value(double value) {
  return spell(value, kDigits);
}

std::string spell_apart(double value, double other) {
  const double allowed = kShareOfDistance * std::fabs(value - other);
  for (int digits = kDigits; digits < kAllDigits; ++digits) {
    std::string text = spell(value, digits);
    if (value == other || std::fabs(std::strtod(text.c_str(), nullptr) - value) <= allowed) return text;
  }
  return spell(value, kAllDigits);
}

std::string spell_bound(double bound, double threshold) {
  if (bound == 0) return "no better";
  return bound > 0 ? spell_apart(bound, threshold) + " better" : spell_apart(-bound, -threshold) + " worse";
}

std::string spell_confidence(double confidence) {
  constexpr int kMost = 13;
  const double percent = 100 * confidence;
  for (int decimals = 1;; ++decimals) {
    const double scale = std::pow(10.0, decimals);
    // The small term takes back what 100 * 0.95 and the like lose in binary.
    const double down = std::floor(percent * scale + 1e-3 / scale) / scale;
    if (decimals < kMost && percent > 100 - 1 / scale && percent < 100) continue;
    char text[64];
    std::snprintf(text, sizeof text, "%.*f %%", decimals, down);
    return text;
  }
}

}  // namespace retraind::evaluate
