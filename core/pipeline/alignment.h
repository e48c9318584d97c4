#pragma once
// Brings two models with different class lists onto one, so that both are judged on the same labels: a class that only
// one of them knows has probability 0 for the other, which is what that model in effect says. Pure.

#include <cstddef>
#include <string>
#include <vector>

namespace retraind::pipeline {

// The classes of both, the first model's first, in order.
std::vector<std::string> union_of(const std::vector<std::string>& first, const std::vector<std::string>& second);

// Predictions of a model over `classes` (rows x classes, row-major) as predictions over `onto`, which holds all of
// them.
std::vector<double> spread(const std::vector<double>& predictions, const std::vector<std::string>& classes,
                           const std::vector<std::string>& onto);

}  // namespace retraind::pipeline
