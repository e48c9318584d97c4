#pragma once
// Defaults of triggers that depend on another key. Thread-safe: pure functions.

#include "core/base/vocabulary.h"

namespace retraind::settings {

// What `min_effect` is when nothing is said. Each method has a unit of its own, so there is no one number for all: the
// thresholds are those in common use for the method, and for shares of rows what a person would look into.
constexpr double default_min_effect(DriftMethod method) {
  switch (method) {
    case DriftMethod::chi_square:
    case DriftMethod::ks:
    case DriftMethod::psi:
    case DriftMethod::wasserstein:
      return 0.1;
    case DriftMethod::jensen_shannon:
    case DriftMethod::hellinger:
    case DriftMethod::null_rate:
      return 0.05;
    case DriftMethod::unseen:
    case DriftMethod::out_of_range:
      return 0.01;
  }
  return 0.05;
}

}  // namespace retraind::settings
