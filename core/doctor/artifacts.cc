#include "core/doctor/artifacts.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/registry/artifacts.h"
#include "core/store/sql.h"

namespace retraind::doctor {
namespace {

constexpr const char* kList = R"sql(/* retraind:doctor.artifacts */
SELECT a.sha256, a.size_bytes, coalesce(u.whose, 'no version')
  FROM retraind.artifact a
  LEFT JOIN LATERAL (
    SELECT string_agg(format('%sversion %s of model %s', CASE WHEN v.artifact_sha256 = a.sha256 THEN '' ELSE 'the rows of ' END, v.version, m.name), ', '
                      ORDER BY m.name, v.version) AS whose,
           bool_or(m.name = $1) AS asked_for,
           bool_or(EXISTS (SELECT FROM retraind.promotion p WHERE p.model_id = v.model_id AND p.version = v.version AND upper_inf(p.during))) AS in_production
      FROM retraind.model_version v JOIN retraind.model m USING (model_id)
     WHERE v.artifact_sha256 = a.sha256 OR v.kept_data_sha256 = a.sha256) u ON true
 WHERE a.removed_at IS NULL AND ($1::text IS NULL OR u.asked_for) AND ($2::timestamptz IS NULL OR a.created_at >= $2 OR u.in_production)
 ORDER BY a.created_at, a.sha256)sql";

}  // namespace

std::vector<StoredArtifact> list_artifacts(store::Transaction& transaction, const std::optional<std::string>& model,
                                           std::optional<TimePoint> since) {
  std::vector<StoredArtifact> out;
  for (const auto& row : store::execute(transaction, kList, model, since)) {
    out.push_back(
        {.sha256 = row[0].as<std::string>(), .bytes = row[1].as<std::uint64_t>(), .whose = row[2].as<std::string>()});
  }
  return out;
}

ArtifactFacts verify_artifacts(store::Database& registry, const std::vector<StoredArtifact>& artifacts,
                               const std::function<void(std::uint64_t done, std::uint64_t total)>& on_bytes) {
  std::uint64_t total = 0;
  for (const StoredArtifact& artifact : artifacts) total += artifact.bytes;
  ArtifactFacts out;
  for (const StoredArtifact& artifact : artifacts) {
    try {
      registry.transact("verify an artifact", [&](store::Transaction& transaction) {
        registry::verify_artifact(transaction, artifact.sha256);
      });
    } catch (const DataError& error) {
      out.damaged.push_back(fmt::format("{}: {}", artifact.whose, error.what()));
    }
    ++out.read;
    out.bytes += artifact.bytes;
    on_bytes(out.bytes, total);
  }
  return out;
}

Finding judge_artifacts(const ArtifactFacts& artifacts) {
  const std::string left_out =
      artifacts.left_out > 0 ? fmt::format("; {} older ones were not looked at", artifacts.left_out) : "";
  if (!artifacts.damaged.empty()) {
    return problem(
        "artifacts.bytes", listed(artifacts.damaged, 3) + left_out,
        "restore the registry from a backup, or roll back to a version whose artifact is whole; find out what "
        "else on that disk is damaged");
  }
  return ok("artifacts.bytes", fmt::format("{} artifacts, {}, have their sha256{}", artifacts.read,
                                           format_bytes(artifacts.bytes), left_out));
}

}  // namespace retraind::doctor
