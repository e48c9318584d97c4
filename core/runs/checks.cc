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

// All columns at once: a statement for each would take longer than the check of a few rows. Each list has one text for
// each column, an empty one where there is no value.
constexpr const char* kInsertResults = R"sql(/* retraind:runs.insert_drift_results */
INSERT INTO retraind.drift_result (check_id, "column", method, role, importance, effect, effect_low, effect_high, statistic, degrees,
  p_value, log_p, threshold, calibration, verdict, sentence)
SELECT $1::bigint, c.name, c.method, c.role, nullif(c.importance, '')::double precision, nullif(c.effect, '')::double precision,
       nullif(c.effect_low, '')::double precision, nullif(c.effect_high, '')::double precision,
       nullif(c.statistic, '')::double precision, nullif(c.degrees, '')::double precision, nullif(c.p_value, '')::double precision,
       nullif(c.log_p, '')::double precision, nullif(c.threshold, '')::double precision, c.calibration, c.verdict, c.sentence
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
              $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[])
       WITH ORDINALITY c (name, method, role, importance, effect, effect_low, effect_high, statistic, degrees, p_value, log_p,
                          threshold, calibration, verdict, sentence, nth)
 ORDER BY c.nth)sql";

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
  using Texts = std::vector<std::string>;
  Texts names, methods, roles, importances, effects, lows, highs, statistics, degrees, p_values, log_ps, thresholds,
      calibrations, verdicts, sentences;
  const auto put = [](Texts& into, const auto& value) {
    into.push_back(store::parameter(value).value_or(std::string()));
  };
  for (const stats::ColumnDrift& column : check.columns) {
    put(names, column.column);
    put(methods, column.method);
    put(roles, column.role);
    put(importances, column.role == ColumnRole::feature ? std::optional(column.importance) : std::nullopt);
    put(effects, column.effect);
    put(lows, column.effect_low);
    put(highs, column.effect_high);
    put(statistics, column.statistic);
    put(degrees, column.degrees);
    put(p_values, column.p_value);
    put(log_ps, column.log_p);
    put(thresholds, column.threshold);
    put(calibrations, column.calibration);
    verdicts.emplace_back(kVerdicts[static_cast<int>(column.verdict)]);
    put(sentences, column.sentence);
  }
  execute(transaction, kInsertResults, id, names, methods, roles, importances, effects, lows, highs, statistics,
          degrees, p_values, log_ps, thresholds, calibrations, verdicts, sentences);
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
