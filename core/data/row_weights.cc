#include "core/data/row_weights.h"

#include <cfloat>
#include <span>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/base/time.h"

namespace retraind::data {
namespace {

std::span<const double> weights_of(const Table& table, std::size_t begin, std::size_t end) {
  if (begin > end || end > table.rows) throw std::logic_error("weights of rows that the table does not have");
  if (table.weights.empty()) return {};
  return std::span(table.weights).subspan(begin, end - begin);
}

}  // namespace

std::vector<double> row_weights(const Table& table, std::size_t begin, std::size_t end) {
  const auto weights = weights_of(table, begin, end);
  return {weights.begin(), weights.end()};
}

std::vector<float> training_weights(const Table& table, std::size_t begin, std::size_t end) {
  const auto weights = weights_of(table, begin, end);
  std::vector<float> out;
  out.reserve(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > FLT_MAX) {
      throw DataError("the weight at " + format_event_time(table.axis, table.event_times[begin + i]) + " is " +
                          format_number(weights[i]) + ", more than a 4-byte float holds",
                      "divide the weights in the query, for example by their mean");
    }
    out.push_back(static_cast<float>(weights[i]));
  }
  return out;
}

}  // namespace retraind::data
