#include "core/pipeline/job.h"

#include "core/pipeline/json_access.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {

namespace json = boost::json;

std::string to_json(const Job& job) {
  json::object out{{"format", 1},
                   {"run_id", number(job.run)},
                   {"attempt", job.attempt},
                   {"now", format_instant(job.now)},
                   {"judged_before", job.judged_before},
                   {"production", nullptr}};
  if (job.production) {
    out["production"] = {{"version", job.production->version},
                         {"artifact_file", job.production->artifact_file},
                         {"artifact_sha256", job.production->artifact_sha256},
                         {"axis", job.production->axis == TimeAxis::instant ? "instant" : "number"},
                         {"trained_to", exact(job.production->trained_to)}};
  }
  // As text, because its sha256 is taken over exactly these bytes.
  out["model"] = settings::to_json(job.model);
  return json::serialize(out);
}

Job job_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the job");
  const ObjectReader reader(value, "the job");
  if (reader.integer<int>("format") != 1) throw DataError("the job was written by another version of retraind");
  Job job;
  job.run = RunId{reader.integer<std::int64_t>("run_id")};
  job.attempt = reader.integer<int>("attempt");
  const auto now = parse_instant(reader.text("now"));
  if (!now) throw DataError("the job: \"now\" is not an instant");
  job.now = *now;
  job.judged_before = reader.integer<std::uint64_t>("judged_before");
  if (reader.has("production")) {
    const ObjectReader production(reader.member("production"), "the job's production");
    job.production = ProductionModel{
        .version = production.integer<int>("version"),
        .artifact_file = production.text("artifact_file"),
        .artifact_sha256 = production.text("artifact_sha256"),
        .axis = production.axis("axis"),
        .trained_to = production.number("trained_to"),
    };
  }
  job.model = settings::model_from_json(reader.text("model"));
  return job;
}

}  // namespace retraind::pipeline
