#include "core/runs/approvals.h"

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;
using store::read;

// A previous version that was quarantined meanwhile is nothing to go back to. OFFSET 0 keeps the order of work: from
// the approvals, which are few, to those that are in production, and only for what is left is a configuration read.
constexpr const char* kUnbaked = R"sql(/* retraind:runs.list_unbaked_approvals */
SELECT p.model_id, m.name, c.settings::text, p.run_id, p.version, p.previous_version, r.window_to_number IS NOT NULL,
       greatest(coalesce(r.window_to_number, extract(epoch FROM r.window_to)::double precision * 1000000),
                (SELECT max(t.counted_to) FROM retraind.trial t WHERE t.run_id = p.run_id AND t.kind = 'shadow')),
       lower(p.during)
  FROM (SELECT p.* FROM retraind.run_event e
          JOIN retraind.promotion p ON p.run_id = e.run_id AND p.kind = 'promotion' AND upper_inf(p.during) AND p.previous_version IS NOT NULL
         WHERE e.from_state = 'awaiting_approval' AND e.to_state = 'promoted'
           AND NOT EXISTS (SELECT FROM retraind.trial t WHERE t.run_id = p.run_id AND t.kind = 'bake' AND t.version = p.version)
           AND NOT EXISTS (SELECT FROM retraind.quarantine q
                            WHERE q.model_id = p.model_id AND q.version = p.previous_version AND q.lifted_at IS NULL)
        OFFSET 0) p
  JOIN retraind.model m USING (model_id)
  JOIN retraind.configuration c ON c.model_id = m.model_id AND c.sha256 = m.configuration_sha256
  JOIN retraind.run r ON r.run_id = p.run_id
 WHERE m.source = ANY ($1::text[]) AND m.removed_at IS NULL
   AND c.settings #>> '{validation,bake}' IS DISTINCT FROM '0s'
 ORDER BY p.promotion_id FOR UPDATE OF m SKIP LOCKED)sql";

}  // namespace

std::vector<UnbakedApproval> list_unbaked_approvals(store::Transaction& transaction,
                                                    const std::vector<std::string>& sources) {
  std::vector<UnbakedApproval> out;
  for (const auto& row : execute(transaction, kUnbaked, sources)) {
    out.push_back({.model = read<ModelId>(row[0]),
                   .model_name = row[1].as<std::string>(),
                   .configuration = row[2].as<std::string>(),
                   .run = read<RunId>(row[3]),
                   .version = row[4].as<int>(),
                   .previous = row[5].as<int>(),
                   .axis = row[6].as<bool>() ? TimeAxis::number : TimeAxis::instant,
                   .after = row[7].as<double>(),
                   .approved_at = read<TimePoint>(row[8])});
  }
  return out;
}

}  // namespace retraind::runs
