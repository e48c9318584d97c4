#include "core/runs/signals.h"

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

// Both read the primary key (name, at), from either end. record_signal lets nothing in that is not finite; rows of
// older versions, or written past it, are no values.
constexpr const char* kFreshValues = R"sql(/* retraind:runs.fresh_signal_values */
SELECT at, value FROM retraind.signal WHERE name = $1 AND at > $2 AND at <= $3 AND value > '-Infinity' AND value < 'Infinity'
 ORDER BY at LIMIT $4::bigint)sql";

constexpr const char* kLatestValue = R"sql(/* retraind:runs.latest_signal_value */
SELECT at, value FROM retraind.signal WHERE name = $1 AND at > '-infinity' AND at <= $2 AND value > '-Infinity' AND value < 'Infinity'
 ORDER BY at DESC LIMIT 1)sql";

std::vector<trigger::SampleObservation::Sample> to_samples(const pqxx::result& found) {
  std::vector<trigger::SampleObservation::Sample> out;
  for (const auto& row : found) out.push_back({.at = read<TimePoint>(row[0]), .value = row[1].as<double>()});
  return out;
}

}  // namespace

SignalValues read_signal(store::Transaction& transaction, const std::string& name, std::optional<TimePoint> after,
                         std::size_t limit, TimePoint now) {
  SignalValues out;
  const auto latest = to_samples(execute(transaction, kLatestValue, name, now));
  if (latest.empty()) return out;
  out.latest = latest.front();
  if (after) {
    out.fresh = to_samples(execute(transaction, kFreshValues, name, *after, now, limit));
  } else if (limit > 0) {
    out.fresh = latest;
  }
  return out;
}

}  // namespace retraind::runs
