// The job of a look of batch scoring and what it did, as JSON.

#include "core/pipeline/batch_scoring.h"
#include "core/pipeline/json_access.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

void require_format(const ObjectReader& reader) {
  if (reader.integer<int>("format") != 1)
    throw DataError(reader.what() + " was written by another version of retraind");
}

}  // namespace

std::string to_json(const ScoringJob& job) {
  return json::serialize(json::object{{"format", 1},
                                      {"model", settings::to_json(job.model)},
                                      {"now", format_instant(job.now)},
                                      {"version", to_json(job.version)},
                                      {"begins_after", exact(job.begins_after)},
                                      {"covered_to", exact_or_null(job.covered_to)}});
}

ScoringJob scoring_job_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the job of scoring");
  const ObjectReader reader(value, "the job of scoring");
  require_format(reader);
  ScoringJob job;
  job.model = settings::model_from_json(reader.text("model"));
  const auto now = parse_instant(reader.text("now"));
  if (!now) throw DataError("the job of scoring: \"now\" is not an instant");
  job.now = *now;
  job.version = job_version_from_json(reader.member("version"), "the version that scores");
  job.begins_after = reader.number("begins_after");
  job.covered_to = reader.optional_number("covered_to");
  return job;
}

std::string to_json(const ScoringLook& look) {
  if (const auto* failure = std::get_if<LookFailure>(&look)) {
    return json::serialize(json::object{
        {"format", 1},
        {"failure", {{"transient", failure->transient}, {"message", failure->message}, {"hint", failure->hint}}}});
  }
  const auto& result = std::get<ScoringResult>(look);
  return json::serialize(json::object{{"format", 1},
                                      {"failure", nullptr},
                                      {"rows", result.rows},
                                      {"more", result.more},
                                      {"covered_to", exact_or_null(result.covered_to)}});
}

ScoringLook scoring_look_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the result of scoring");
  const ObjectReader reader(value, "the result of scoring");
  require_format(reader);
  if (!reader.member("failure").is_null()) {
    const ObjectReader failure(reader.member("failure"), "the failure of scoring");
    return LookFailure{
        .transient = failure.boolean("transient"), .message = failure.text("message"), .hint = failure.text("hint")};
  }
  ScoringResult out;
  out.rows = reader.integer<std::uint64_t>("rows");
  out.more = reader.boolean("more");
  out.covered_to = reader.optional_number("covered_to");
  return out;
}

}  // namespace retraind::pipeline
