// A look's job and its result as JSON.

#include <cmath>

#include "core/base/text.h"
#include "core/pipeline/block_json.h"
#include "core/pipeline/json_access.h"
#include "core/pipeline/look.h"
#include "core/pipeline/reference.h"
#include "core/settings/forms.h"
#include "core/settings/snapshot.h"
#include "core/stats/metric_sums.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

json::value write_detector(const DetectorLook& detector) {
  return {{"detector", to_text(detector.rule.detector)},
          {"delta", exact(detector.rule.delta)},
          {"tolerance", exact(detector.rule.tolerance)},
          {"false_alarm_rows", detector.rule.false_alarm_rows},
          {"level_mean", exact(detector.rule.level_mean)},
          {"level_high", exact(detector.rule.level_high)},
          {"deviation", exact(detector.rule.deviation)},
          {"largest", exact(detector.rule.largest)},
          {"metric", to_text(detector.metric)},
          {"memory", detector.memory},
          {"after", exact_or_null(detector.after)}};
}

DetectorLook read_detector(const json::value& value) {
  const ObjectReader reader(value, "the look's detector");
  DetectorLook out;
  out.rule.detector = reader.word<Detector>("detector");
  out.rule.delta = reader.number("delta");
  out.rule.tolerance = reader.number("tolerance");
  out.rule.false_alarm_rows = reader.integer<std::uint64_t>("false_alarm_rows");
  out.rule.level_mean = reader.number("level_mean");
  out.rule.level_high = reader.number("level_high");
  out.rule.deviation = reader.number("deviation");
  out.rule.largest = reader.number("largest");
  out.metric = reader.word<Metric>("metric");
  out.memory = reader.text("memory");
  out.after = reader.optional_number("after");
  return out;
}

json::value write_outcome(const stats::ChangeOutcome& outcome) {
  json::array alarms;
  for (const stats::ChangeAlarm& alarm : outcome.alarms) {
    alarms.push_back({{"row", alarm.row}, {"sentence", alarm.sentence}});
  }
  return {{"state", outcome.state}, {"rows", outcome.rows}, {"alarms", alarms}};
}

stats::ChangeOutcome read_outcome(const json::value& value) {
  const ObjectReader reader(value, "the look's detector");
  stats::ChangeOutcome out;
  out.state = reader.text("state");
  out.rows = reader.integer<std::uint64_t>("rows");
  for (const json::value& item : reader.array("alarms")) {
    const ObjectReader alarm(item, "the look's alarm");
    out.alarms.push_back({alarm.integer<std::uint64_t>("row"), alarm.text("sentence")});
  }
  return out;
}

}  // namespace

std::string to_json(const LookJob& job) {
  json::object out{{"format", 1},
                   {"model", settings::to_json(job.model)},
                   {"now", format_instant(job.now)},
                   {"version", job.version},
                   {"artifact_file", job.artifact_file},
                   {"artifact_sha256", job.artifact_sha256},
                   {"axis", job.axis == TimeAxis::instant ? "instant" : "number"},
                   {"trained_to", exact(job.trained_to)},
                   {"block_length", exact(job.grid.length)},
                   {"columns", write_columns(job.columns)},
                   {"window", settings::format_window(job.window)},
                   {"features", job.features},
                   {"scores", job.scores},
                   {"losses", job.losses},
                   {"known", nullptr},
                   {"detector", nullptr}};
  if (job.known) out["known"] = {{"first", job.known->first}, {"open", job.known->open}, {"rows", job.known->rows}};
  if (job.detector) out["detector"] = write_detector(*job.detector);
  return json::serialize(out);
}

LookJob look_job_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the look's job");
  const ObjectReader reader(value, "the look's job");
  if (reader.integer<int>("format") != 1) throw DataError("the look's job was written by another version of retraind");
  LookJob job;
  job.model = settings::model_from_json(reader.text("model"));
  const auto now = parse_instant(reader.text("now"));
  if (!now) throw DataError("the look's job: \"now\" is not an instant");
  job.now = *now;
  job.version = reader.integer<int>("version");
  job.artifact_file = reader.text("artifact_file");
  job.artifact_sha256 = reader.text("artifact_sha256");
  job.axis = reader.axis("axis");
  job.trained_to = reader.number("trained_to");
  job.grid.length = reader.number("block_length");
  if (!(job.grid.length > 0)) throw DataError("the look's job: \"block_length\" is not above 0");
  job.columns = read_columns(reader.member("columns"), "the look's columns");
  const auto window = settings::parse_window(reader.text("window"));
  if (!window) throw DataError("the look's job: \"window\" is no window");
  job.window = *window;
  job.features = reader.boolean("features");
  job.scores = reader.boolean("scores");
  job.losses = reader.boolean("losses");
  if (reader.has("known")) {
    const ObjectReader known(reader.member("known"), "the look's known blocks");
    job.known = LookJob::Known{.first = known.integer<std::int64_t>("first"),
                               .open = known.integer<std::int64_t>("open"),
                               .rows = known.integer<std::uint64_t>("rows")};
  }
  if (reader.has("detector")) job.detector = read_detector(reader.member("detector"));
  return job;
}

std::string to_json(const LookOutcome& outcome) {
  if (const auto* failure = std::get_if<LookFailure>(&outcome)) {
    return json::serialize(json::object{
        {"format", 1},
        {"failure", {{"transient", failure->transient}, {"message", failure->message}, {"hint", failure->hint}}}});
  }
  const auto& result = std::get<LookResult>(outcome);
  json::object out{{"format", 1},
                   {"newest", exact_or_null(result.newest)},
                   {"extended", result.extended},
                   {"read_from", result.read_from},
                   {"first", result.first},
                   {"rows", result.rows},
                   {"bytes", result.bytes},
                   {"features", write_blocks(result.features)},
                   {"scores", write_blocks(result.scores)},
                   {"losses", write_blocks(result.losses)},
                   {"detected", nullptr},
                   {"fed_to", exact_or_null(result.fed_to)}};
  if (result.detected) out["detected"] = write_outcome(*result.detected);
  return json::serialize(out);
}

LookOutcome look_outcome_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the look's result");
  const ObjectReader reader(value, "the look's result");
  if (reader.integer<int>("format") != 1) {
    throw DataError("the look's result was written by another version of retraind");
  }
  if (reader.has("failure")) {
    const ObjectReader failure(reader.member("failure"), "the look's failure");
    return LookFailure{
        .transient = failure.boolean("transient"), .message = failure.text("message"), .hint = failure.text("hint")};
  }
  LookResult out;
  out.newest = reader.optional_number("newest");
  out.extended = reader.boolean("extended");
  out.read_from = reader.integer<std::int64_t>("read_from");
  out.first = reader.integer<std::int64_t>("first");
  out.rows = reader.integer<std::uint64_t>("rows");
  out.bytes = reader.integer<std::uint64_t>("bytes");
  out.features = read_blocks(reader.member("features"), "the look's feature blocks");
  out.scores = read_blocks(reader.member("scores"), "the look's score blocks");
  out.losses = read_blocks(reader.member("losses"), "the look's loss blocks");
  for (const auto* blocks : {&out.features, &out.scores, &out.losses}) {
    if (!blocks->empty() && blocks->front().index < out.read_from) {
      throw DataError("the look's result holds blocks older than what it says it has read");
    }
  }
  if (reader.has("detected")) out.detected = read_outcome(reader.member("detected"));
  out.fed_to = reader.optional_number("fed_to");
  return out;
}

void require_sense(const LookJob& job, const LookResult& result) {
  const auto require_profiles = [&](const std::vector<registry::Block>& blocks, bool scores) {
    const std::vector<stats::ColumnProfile> cells = cells_of(job.columns, scores);
    for (const registry::Block& block : blocks) (void)stats::unpack_counts(block.packed, cells);
  };
  require_profiles(result.features, false);
  require_profiles(result.scores, true);
  for (const registry::Block& block : result.losses) {
    if (stats::MetricSums::unpack(block.packed).rows() != block.rows) {
      throw DataError("the look's result: a block of losses has another number of rows than it says");
    }
  }
  if (result.newest && !(std::fabs(*result.newest / job.grid.length) < 1e15)) {
    throw DataError("the look's result ends at a time that has no place among its blocks");
  }
  if (result.extended && !job.known) throw DataError("the look's result continues blocks that were not known");
  if (job.detector && !result.detected) throw DataError("the look's result lacks what the detector found");
}

}  // namespace retraind::pipeline
