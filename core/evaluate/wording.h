#pragma once
// Numbers as sentences about a decision spell them. Pure.

#include <string>

namespace retraind::evaluate {

// Four significant digits: "0.021", "1235", "1.2e-05".
std::string spell_value(double value);

// Like spell_value, with as many more digits as it takes to be right within a twentieth of the distance to `other`: a
// sentence must not say that 0.008 is above 0.008, or that two values are 1 apart that differ by 0.5.
std::string spell_apart(double value, double other);

// A bound of a difference: "0.008 better", "0.003 worse", "no better"; told from the threshold as spell_apart does.
std::string spell_bound(double bound, double threshold);

// In percent, rounded towards zero, with one decimal or as many as keep it below 100: "95.0 %", "99.998 %".
std::string spell_confidence(double confidence);

}  // namespace retraind::evaluate
