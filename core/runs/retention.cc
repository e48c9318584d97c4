#include "core/runs/retention.h"

#include <array>

#include "core/store/sql.h"

namespace retraind {
namespace {

constexpr std::array<std::string_view, 6> kRetentionKinds = {
    "drift_checks", "performance_checks", "trigger_decisions", "run_logs", "signals", "unused_artifacts"};
static_assert(static_cast<std::size_t>(runs::RetentionKind::unused_artifacts) + 1 == kRetentionKinds.size());

}  // namespace

template <>
std::span<const std::string_view> words_of<runs::RetentionKind>() {
  return kRetentionKinds;
}

namespace runs {
namespace {

using store::execute;
using store::read;

constexpr const char* kPutPolicy = R"sql(/* retraind:runs.put_retention_policy */
INSERT INTO retraind.retention_policy AS p (instance, kind, keep, set_at) VALUES ($1, $2, $3::interval, $4)
ON CONFLICT (instance, kind) DO UPDATE SET keep = excluded.keep, set_at = excluded.set_at)sql";

constexpr const char* kRemoveExpired = R"sql(/* retraind:runs.remove_expired */
SELECT removed, bytes, last, more, pass_id
  FROM retraind.remove_expired($1, $2::bigint, $3::integer, $4, $5::uuid, $6::bigint))sql";

}  // namespace

void put_retention_policy(store::Transaction& transaction, const Executor& executor,
                          const settings::Retention& retention, TimePoint now) {
  const std::pair<RetentionKind, Duration> wishes[] = {
      {RetentionKind::drift_checks, retention.drift_checks},
      {RetentionKind::performance_checks, retention.performance_checks},
      {RetentionKind::trigger_decisions, retention.trigger_decisions},
      {RetentionKind::run_logs, retention.run_logs},
      {RetentionKind::signals, retention.signals},
      {RetentionKind::unused_artifacts, retention.unused_artifacts},
  };
  for (const auto& [kind, keep] : wishes) execute(transaction, kPutPolicy, executor.instance, kind, keep, now);
}

RemovedBatch remove_expired(store::Transaction& transaction, const Executor& executor, RetentionKind kind,
                            const RetentionMark& mark, std::size_t limit) {
  const pqxx::result said =
      execute(transaction, kRemoveExpired, kind, mark.last, limit, executor.instance, executor.daemon_id, mark.pass);
  const auto row = said.at(0);
  return {
      .removed = row[0].as<std::uint64_t>(),
      .bytes = read<std::optional<std::uint64_t>>(row[1]),
      .more = row[3].as<bool>(),
      .mark = {.last = read<std::optional<std::int64_t>>(row[2]), .pass = read<std::optional<std::int64_t>>(row[4])}};
}

}  // namespace runs
}  // namespace retraind
