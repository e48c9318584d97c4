#include "core/runs/history.h"

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

// "train 42/100 rounds, about 3 min left" of a run that is under way.
constexpr const char* kStatus = R"sql(/* retraind:runs.status */
SELECT model, state, version, since, metric, round(value::numeric, 4) AS value, open_run_id AS run,
       CASE WHEN open_run_state = 'running' AND open_run_step IS NOT NULL
            THEN open_run_step || coalesce(' ' || open_run_done || coalesce('/' || open_run_total, '') || ' ' || open_run_unit, '')
                 || coalesce(', about ' || CASE WHEN left_s < 90 THEN round(left_s) || ' s'
                                                WHEN left_s < 5400 THEN round(left_s / 60) || ' min'
                                                WHEN left_s < 172800 THEN round(left_s / 3600) || ' h'
                                                ELSE round(left_s / 86400) || ' d' END || ' left', '')
            ELSE open_run_state END AS doing,
       shadow_version AS shadow, baking_until, nullif(releases_waiting, 0) AS unannounced,
       last_run_state AS last_run, last_run_at, next_due_at AS next_due,
       nullif(concat_ws('; ', nullif(array_to_string(alerts, '; '), ''), 'data: ' || data_problem), '') AS alerts
  FROM (SELECT t.*, extract(epoch FROM t.open_run_time_left)::numeric AS left_s FROM retraind.status t) s
 WHERE $1::text IS NULL OR model = $1 ORDER BY model)sql";
constexpr const char* kStatusJson = R"sql(/* retraind:runs.status_json */
SELECT coalesce(json_agg(t ORDER BY t.model), '[]') FROM retraind.status t WHERE $1::text IS NULL OR model = $1)sql";

constexpr const char* kPromotions = R"sql(/* retraind:runs.promotions */
SELECT promotion_id AS id, model, version, previous_version AS replaced, kind, promoted_at, valid_to, actor, trigger, run_id AS run,
       metric, round(candidate_value::numeric, 4) AS candidate, round(production_value::numeric, 4) AS opponent,
       round(ci_low::numeric, 4) AS ci_low, round(ci_high::numeric, 4) AS ci_high, holdout_rows AS rows, reason
  FROM retraind.promotion_history WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR promoted_at >= $3)
   AND ($4::timestamptz IS NULL OR promoted_at < $4)
 ORDER BY promotion_id DESC LIMIT $2::bigint)sql";
constexpr const char* kPromotionsJson = R"sql(/* retraind:runs.promotions_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.promotion_history
  WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR promoted_at >= $3)
   AND ($4::timestamptz IS NULL OR promoted_at < $4)
 ORDER BY promotion_id DESC LIMIT $2::bigint) t)sql";

constexpr const char* kRuns = R"sql(/* retraind:runs.runs */
SELECT run_id AS run, model, trigger, state, attempt, queued_at, finished_at - started_at AS took,
       version, metric, round(candidate_value::numeric, 4) AS candidate, round(production_value::numeric, 4) AS opponent,
       train_rows, holdout_rows, reason
  FROM retraind.run_history WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR queued_at >= $3)
   AND ($4::timestamptz IS NULL OR queued_at < $4)
 ORDER BY run_id DESC LIMIT $2::bigint)sql";
constexpr const char* kRunsJson = R"sql(/* retraind:runs.runs_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.run_history
  WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR queued_at >= $3)
   AND ($4::timestamptz IS NULL OR queued_at < $4)
 ORDER BY run_id DESC LIMIT $2::bigint) t)sql";

constexpr const char* kTriggers = R"sql(/* retraind:runs.triggers */
SELECT firing_id AS id, model, trigger, evaluated_at, decision, run_id AS run, reason
  FROM retraind.trigger_history WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR evaluated_at >= $3)
   AND ($4::timestamptz IS NULL OR evaluated_at < $4)
 ORDER BY firing_id DESC LIMIT $2::bigint)sql";
constexpr const char* kTriggersJson = R"sql(/* retraind:runs.triggers_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.trigger_history
  WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR evaluated_at >= $3)
   AND ($4::timestamptz IS NULL OR evaluated_at < $4)
 ORDER BY firing_id DESC LIMIT $2::bigint) t)sql";

constexpr const char* kTrials = R"sql(/* retraind:runs.trials */
SELECT trial_id AS trial, model, kind, version, against, coalesce(outcome, 'open') AS outcome, opened_at,
       coalesce(ended_at, deadline) AS until, metric, rows, clusters, round(difference::numeric, 4) AS difference,
       round(ci_low::numeric, 4) AS ci_low, round(ci_high::numeric, 4) AS ci_high, run_id AS run, sentence
  FROM retraind.trial_history WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR opened_at >= $3)
   AND ($4::timestamptz IS NULL OR opened_at < $4)
 ORDER BY trial_id DESC LIMIT $2::bigint)sql";
constexpr const char* kTrialsJson = R"sql(/* retraind:runs.trials_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.trial_history
  WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR opened_at >= $3)
   AND ($4::timestamptz IS NULL OR opened_at < $4)
 ORDER BY trial_id DESC LIMIT $2::bigint) t)sql";

constexpr const char* kScorings = R"sql(/* retraind:runs.scorings */
SELECT model, target, version, rows, scored_at, coalesce(covered_to::text, covered_to_number::text) AS covered_to, looked_at,
       next_due_at AS next_due, failures, sentence
  FROM retraind.scoring_status WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR scored_at >= $3)
   AND ($4::timestamptz IS NULL OR scored_at < $4)
 ORDER BY model LIMIT $2::bigint)sql";
constexpr const char* kScoringsJson = R"sql(/* retraind:runs.scorings_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.scoring_status
  WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR scored_at >= $3)
   AND ($4::timestamptz IS NULL OR scored_at < $4)
 ORDER BY model LIMIT $2::bigint) t)sql";

constexpr const char* kReleases = R"sql(/* retraind:runs.releases */
SELECT release_id AS release, model, version, kind, target, state, created_at, attempts, settled_at, next_due_at AS next_due,
       coalesce(skip_reason, last_detail, 'waits for release ' ||
         (SELECT min(b.release_id) FROM retraind.release_history b
           WHERE b.model = x.model AND b.target = x.target AND b.state = 'waiting' AND b.release_id < x.release_id)) AS said
  FROM retraind.release_history x WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR created_at >= $3)
   AND ($4::timestamptz IS NULL OR created_at < $4)
 ORDER BY release_id DESC LIMIT $2::bigint)sql";
constexpr const char* kReleasesJson = R"sql(/* retraind:runs.releases_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.release_history
  WHERE ($1::text IS NULL OR model = $1) AND ($3::timestamptz IS NULL OR created_at >= $3)
   AND ($4::timestamptz IS NULL OR created_at < $4)
 ORDER BY release_id DESC LIMIT $2::bigint) t)sql";

// A p-value below what a double can hold is written by its logarithm.
constexpr const char* kDriftCheck = R"sql(/* retraind:runs.drift_check */
SELECT d."column", d.role, round(d.effect::numeric, 4) AS effect,
       round(d.effect_low::numeric, 4) || ' to ' || round(d.effect_high::numeric, 4) AS interval,
       CASE WHEN d.p_value >= 0.0001 THEN round(d.p_value::numeric, 4)::text
            WHEN d.p_value > 1e-300 THEN btrim(to_char(d.p_value, '9.9EEEE'))
            WHEN d.log_p > '-Infinity' THEN format('1e%s', round((d.log_p / ln(10::double precision))::numeric))
            ELSE '0' END AS p,
       round(d.threshold::numeric, 4) AS threshold, d.verdict, d.sentence
  FROM retraind.drift_history d WHERE d.check_id = $1
 ORDER BY d.drifted IS TRUE DESC, d.drifted IS NULL, d.effect / nullif(d.threshold, 0) DESC NULLS LAST, d."column")sql";
constexpr const char* kDriftCheckJson = R"sql(/* retraind:runs.drift_check_json */
SELECT coalesce(json_agg(t), '[]') FROM (SELECT * FROM retraind.drift_history d WHERE d.check_id = $1
 ORDER BY d.drifted IS TRUE DESC, d.drifted IS NULL, d.effect / nullif(d.threshold, 0) DESC NULLS LAST, d."column") t)sql";

// The zone in which the rest of the transaction spells instants: readers see those of their own host's zone, and
// programs see one zone everywhere, whatever the database's is.
constexpr const char* kInUtc = "/* retraind:runs.in_utc */ SELECT set_config('TimeZone', 'UTC', true)";

// Types by the numbers that PostgreSQL's catalog gives them for ever.
ColumnKind kind_of(pqxx::oid type) {
  switch (type) {
    case 20:    // bigint
    case 21:    // smallint
    case 23:    // integer
    case 700:   // real
    case 701:   // double precision
    case 1700:  // numeric
      return ColumnKind::number;
    case 1184:  // timestamptz
      return ColumnKind::time;
    case 1186:
      return ColumnKind::interval;
    default:
      return ColumnKind::text;
  }
}

template <class... Values>
void read_table(store::Transaction& transaction, Page& page, const char* statement, const Values&... values) {
  const pqxx::result table = execute(transaction, statement, values...);
  for (pqxx::row_size_type i = 0; i < table.columns(); ++i) {
    page.columns.emplace_back(table.column_name(i));
    page.kinds.push_back(kind_of(table.column_type(i)));
  }
  for (const auto& row : table) {
    auto& cells = page.rows.emplace_back();
    for (const auto& field : row) cells.push_back(read<std::optional<std::string>>(field));
  }
}

template <class... Values>
void read_json(store::Transaction& transaction, Page& page, const char* statement, const Values&... values) {
  page.json = execute(transaction, statement, values...).at(0).at(0).template as<std::string>();
}

template <class... Values>
Page read_page(store::Transaction& transaction, const char* statement, const char* json_statement,
               const Values&... values) {
  execute(transaction, kInUtc);
  Page page;
  read_table(transaction, page, statement, values...);
  read_json(transaction, page, json_statement, values...);
  return page;
}

Page read_page(store::Transaction& transaction, const char* statement, const char* json_statement,
               const Wanted& wanted) {
  return read_page(transaction, statement, json_statement, wanted.model, wanted.limit, wanted.since, wanted.until);
}

}  // namespace

Page read_status(store::Transaction& transaction, const std::optional<std::string>& model, PageForm form) {
  execute(transaction, kInUtc);
  Page page;
  if (form != PageForm::json) read_table(transaction, page, kStatus, model);
  if (form != PageForm::table) read_json(transaction, page, kStatusJson, model);
  return page;
}

Page read_promotions(store::Transaction& transaction, const Wanted& wanted) {
  return read_page(transaction, kPromotions, kPromotionsJson, wanted);
}

Page read_runs(store::Transaction& transaction, const Wanted& wanted) {
  return read_page(transaction, kRuns, kRunsJson, wanted);
}

Page read_triggers(store::Transaction& transaction, const Wanted& wanted) {
  return read_page(transaction, kTriggers, kTriggersJson, wanted);
}

Page read_trials(store::Transaction& transaction, const Wanted& wanted) {
  return read_page(transaction, kTrials, kTrialsJson, wanted);
}

Page read_scorings(store::Transaction& transaction, const Wanted& wanted) {
  return read_page(transaction, kScorings, kScoringsJson, wanted);
}

Page read_releases(store::Transaction& transaction, const Wanted& wanted) {
  return read_page(transaction, kReleases, kReleasesJson, wanted);
}

Page read_drift_check(store::Transaction& transaction, std::int64_t check_id) {
  return read_page(transaction, kDriftCheck, kDriftCheckJson, check_id);
}

}  // namespace retraind::runs
