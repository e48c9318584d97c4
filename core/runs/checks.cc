// What drift and performance checks found, for their histories.
#include "core/runs/monitors.h"
#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;

constexpr const char* kInsertCheck = R"sql(/* retraind:runs.insert_drift_check */
INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, window_from, window_to, window_from_number, window_to_number,
  rows, calibration)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING check_id)sql";

constexpr const char* kInsertResult = R"sql(/* retraind:runs.insert_drift_result */
INSERT INTO retraind.drift_result (check_id, "column", method, role, importance, effect, effect_low, effect_high, statistic, degrees,
  p_value, log_p, threshold, calibration, verdict, sentence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16))sql";

constexpr const char* kInsertPerformance = R"sql(/* retraind:runs.insert_performance_check */
INSERT INTO retraind.performance_check (model_id, version, trigger, checked_at, window_from, window_to, window_from_number,
  window_to_number, rows, metric, value, ci_low, ci_high, level, threshold, inflation, parts, sentence)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18))sql";

// An event time stands in one of two columns, by the axis.
std::optional<TimePoint> as_instant(TimeAxis axis, std::optional<EventTime> value) {
  return axis == TimeAxis::instant && value ? std::optional(to_instant(*value)) : std::nullopt;
}
std::optional<double> as_number(TimeAxis axis, std::optional<EventTime> value) {
  return axis == TimeAxis::number ? value : std::nullopt;
}

template <class T>
std::optional<T> unless_empty(const T& value) {
  return value.empty() ? std::nullopt : std::optional(value);
}

}  // namespace

std::int64_t record_drift_check(store::Transaction& transaction, const DriftCheck& check, TimePoint now) {
  const pqxx::result inserted =
      execute(transaction, kInsertCheck, check.model, check.version, check.trigger, now,
              as_instant(check.axis, check.window_from), as_instant(check.axis, check.window_to),
              as_number(check.axis, check.window_from), as_number(check.axis, check.window_to), check.rows,
              unless_empty(check.calibration));
  const auto id = inserted.at(0)[0].as<std::int64_t>();
  static constexpr const char* kVerdicts[] = {"ok", "drifted", "insufficient_data"};
  for (const stats::ColumnDrift& column : check.columns) {
    const auto importance = column.role == ColumnRole::feature ? std::optional(column.importance) : std::nullopt;
    execute(transaction, kInsertResult, id, column.column, column.method, column.role, importance, column.effect,
            column.effect_low, column.effect_high, column.statistic, column.degrees, column.p_value, column.log_p,
            column.threshold, column.calibration, kVerdicts[static_cast<int>(column.verdict)], column.sentence);
  }
  return id;
}

void record_performance_check(store::Transaction& transaction, const PerformanceCheck& check, TimePoint now) {
  std::optional<double> value, low, high, inflation;
  std::optional<std::size_t> parts;
  if (check.value) {
    value = check.value->estimate;
    low = check.value->low;
    high = check.value->high;
    inflation = check.value->inflation;
    parts = check.value->clusters;
  }
  execute(transaction, kInsertPerformance, check.model, check.version, check.trigger, now,
          as_instant(check.axis, check.window_from), as_instant(check.axis, check.window_to),
          as_number(check.axis, check.window_from), as_number(check.axis, check.window_to), check.rows, check.metric,
          value, low, high, check.level, check.threshold, inflation, parts, check.sentence);
}

}  // namespace retraind::runs
