#include "core/pipeline/job.h"

#include "core/pipeline/json_access.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {

namespace json = boost::json;

boost::json::value to_json(const JobVersion& version) {
  return {{"version", version.version},
          {"artifact_file", version.artifact_file},
          {"artifact_sha256", version.artifact_sha256},
          {"axis", version.axis == TimeAxis::instant ? "instant" : "number"},
          {"trained_from", exact(version.trained_from)},
          {"trained_to", exact(version.trained_to)},
          {"entity", version.entity ? json::value(*version.entity) : json::value(nullptr)},
          {"fault", version.fault}};
}

JobVersion job_version_from_json(const json::value& value, const std::string& what) {
  const ObjectReader reader(value, what);
  return {.version = reader.integer<int>("version"),
          .artifact_file = reader.text("artifact_file"),
          .artifact_sha256 = reader.text("artifact_sha256"),
          .axis = reader.axis("axis"),
          .trained_from = reader.number("trained_from"),
          .trained_to = reader.number("trained_to"),
          .entity = reader.has("entity") ? std::optional(reader.text("entity")) : std::nullopt,
          .fault = reader.text("fault")};
}

namespace {

json::value or_null(const std::optional<JobVersion>& version) {
  return version ? to_json(*version) : json::value(nullptr);
}

std::optional<JobVersion> read_version(const ObjectReader& reader, std::string_view name) {
  if (!reader.has(name)) return std::nullopt;
  return job_version_from_json(reader.member(name), fmt::format("the job's {}", name));
}

}  // namespace

std::optional<std::string> held_out_entities(const settings::Training& training) {
  const auto* share = std::get_if<settings::HoldoutShare>(&training.holdout);
  if (!training.entity || share == nullptr) return std::nullopt;
  return fmt::format("{} of {}", format_number(share->share), *training.entity);
}

std::string to_json(const Job& job) {
  json::object out{{"format", 1},
                   {"run_id", number(job.run)},
                   {"attempt", job.attempt},
                   {"now", format_instant(job.now)},
                   {"judged_before", job.judged_before},
                   {"production", or_null(job.production)},
                   {"anchor", or_null(job.anchor)},
                   {"candidate", or_null(job.candidate)}};
  json::array& stand_ins = out["stand_ins"].emplace_array();
  for (const JobVersion& version : job.stand_ins) stand_ins.push_back(to_json(version));
  if (job.expectation) {
    out["expectation"] = {{"columns", data::to_json(*job.expectation)}, {"last_rows", job.expectation->last_rows}};
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
  job.production = read_version(reader, "production");
  job.anchor = read_version(reader, "anchor");
  job.candidate = read_version(reader, "candidate");
  for (const json::value& item : reader.array("stand_ins")) {
    job.stand_ins.push_back(job_version_from_json(item, "the job's stand-in"));
  }
  if (reader.has("expectation")) {
    const ObjectReader expectation(reader.member("expectation"), "the job's expectation");
    job.expectation = data::expectation_from_json(expectation.text("columns"));
    job.expectation->last_rows = expectation.integer<std::uint64_t>("last_rows");
  }
  job.model = settings::model_from_json(reader.text("model"));
  return job;
}

}  // namespace retraind::pipeline
