#pragma once
// One number from a Prometheus server by its HTTP API (GET /api/v1/query), through libcurl. Follows no redirect, reads
// at most 1 MiB, gives up after `timeout`. Any thread; one connection a call.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace retraind::source {

struct PrometheusSample {
  TimePoint at;
  std::optional<double> value;  // std::nullopt: the sample is NaN
};

// std::nullopt: the query has no sample. Throws TransientError when the server cannot be reached, does not answer in
// time, or answers 5xx; DataError when the query is refused (with the server's words), has more than one sample (naming
// the first two label sets), or the answer is not one of Prometheus.
std::optional<PrometheusSample> query_prometheus(const std::string& url, const std::string& query, Duration timeout);

// The answer's body; exposed for tests.
std::optional<PrometheusSample> parse_prometheus_answer(std::string_view body);

}  // namespace retraind::source
