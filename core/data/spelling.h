#pragma once
// Numbers of users' columns as text, where they are labels, entities or slices: one spelling everywhere. Pure.

#include <string>

namespace retraind::data {

// Integers as integers ("0", also for -0; "-3"), as far as a bigint goes; other numbers in the fewest digits that read
// back to the same value of their type ("0.5", "1e+22"); "nan", "inf", "-inf".
std::string spell_number(double value);
std::string spell_number(float value);

}  // namespace retraind::data
