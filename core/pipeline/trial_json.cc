// A trial's job and what a look at it found, as JSON.

#include <optional>

#include "core/pipeline/json_access.h"
#include "core/pipeline/trial.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

json::value write_cluster(const runs::TrialCluster& cluster) {
  return {{"index", cluster.index},
          {"from", exact(cluster.from)},
          {"to", exact(cluster.to)},
          {"rows", cluster.rows},
          {"weight", exact(cluster.weight)},
          {"difference_sum", exact(cluster.difference_sum)},
          {"version_value", exact(cluster.version_value)},
          {"against_value", exact(cluster.against_value)}};
}

runs::TrialCluster read_cluster(const json::value& value) {
  const ObjectReader reader(value, "the trial's cluster");
  runs::TrialCluster out;
  out.index = reader.integer<std::int64_t>("index");
  out.from = reader.number("from");
  out.to = reader.number("to");
  out.rows = reader.integer<std::uint64_t>("rows");
  out.weight = reader.number("weight");
  out.difference_sum = reader.number("difference_sum");
  out.version_value = reader.number("version_value");
  out.against_value = reader.number("against_value");
  if (out.rows == 0) throw DataError(fmt::format("the trial's cluster {} has no row", out.index));
  if (!(out.weight > 0)) {
    throw DataError(
        fmt::format("the trial's cluster {} weighs {}, which is not above 0", out.index, format_number(out.weight)));
  }
  if (out.from > out.to) throw DataError(fmt::format("the trial's cluster {} ends before it begins", out.index));
  return out;
}

}  // namespace

std::string to_json(const TrialJob& job) {
  return json::serialize(json::object{{"format", 1},
                                      {"model", settings::to_json(job.model)},
                                      {"now", format_instant(job.now)},
                                      {"version", to_json(job.version)},
                                      {"against", to_json(job.against)},
                                      {"metric", to_text(job.metric)},
                                      {"after", exact(job.after)},
                                      {"until", exact_or_null(job.until)},
                                      {"next_index", job.next_index}});
}

TrialJob trial_job_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the trial's job");
  const ObjectReader reader(value, "the trial's job");
  if (reader.integer<int>("format") != 1) throw DataError("the trial's job was written by another version of retraind");
  TrialJob job;
  job.model = settings::model_from_json(reader.text("model"));
  const auto now = parse_instant(reader.text("now"));
  if (!now) throw DataError("the trial's job: \"now\" is not an instant");
  job.now = *now;
  job.version = job_version_from_json(reader.member("version"), "the version on trial");
  job.against = job_version_from_json(reader.member("against"), "the version it is held against");
  job.metric = reader.word<Metric>("metric");
  job.after = reader.number("after");
  job.until = reader.optional_number("until");
  job.next_index = reader.integer<std::int64_t>("next_index");
  return job;
}

std::string to_json(const TrialLook& look) {
  if (const auto* failure = std::get_if<LookFailure>(&look)) {
    return json::serialize(json::object{
        {"format", 1},
        {"failure", {{"transient", failure->transient}, {"message", failure->message}, {"hint", failure->hint}}}});
  }
  const auto& result = std::get<TrialResult>(look);
  json::object out{{"format", 1}, {"failure", nullptr}, {"seen_to", exact_or_null(result.seen_to)}};
  json::array& clusters = out["clusters"].emplace_array();
  for (const runs::TrialCluster& cluster : result.clusters) clusters.push_back(write_cluster(cluster));
  return json::serialize(out);
}

TrialLook trial_look_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the trial's result");
  const ObjectReader reader(value, "the trial's result");
  if (reader.integer<int>("format") != 1) {
    throw DataError("the trial's result was written by another version of retraind");
  }
  if (!reader.member("failure").is_null()) {
    const ObjectReader failure(reader.member("failure"), "the trial's failure");
    return LookFailure{
        .transient = failure.boolean("transient"), .message = failure.text("message"), .hint = failure.text("hint")};
  }
  TrialResult out;
  out.seen_to = reader.optional_number("seen_to");
  for (const json::value& item : reader.array("clusters")) {
    const runs::TrialCluster cluster = read_cluster(item);
    if (!out.seen_to || cluster.to > *out.seen_to) {
      throw DataError(fmt::format("the trial's cluster {} lies beyond the rows that are complete", cluster.index));
    }
    if (!out.clusters.empty() && cluster.index <= out.clusters.back().index) {
      throw DataError(
          fmt::format("the trial's cluster {} comes after cluster {}", cluster.index, out.clusters.back().index));
    }
    if (!out.clusters.empty() && cluster.from <= out.clusters.back().to) {
      throw DataError(fmt::format("the trial's clusters {} and {} overlap", out.clusters.back().index, cluster.index));
    }
    out.clusters.push_back(cluster);
  }
  return out;
}

}  // namespace retraind::pipeline
