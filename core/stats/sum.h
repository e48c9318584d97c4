#pragma once
// Compensated summation, so that the order of the terms hardly matters. Neumaier (1974), "Rundungsfehleranalyse einiger
// Verfahren zur Summation endlicher Summen": the error is a few units in the last place, whatever the number of terms.

#include <cmath>

namespace retraind::stats {

class Sum {
 public:
  void add(double term) {
    const double next = sum_ + term;
    lost_ += std::fabs(sum_) >= std::fabs(term) ? (sum_ - next) + term : (term - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

}  // namespace retraind::stats
