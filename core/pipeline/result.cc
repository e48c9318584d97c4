#include "core/pipeline/result.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/base/sha256.h"
#include "core/pipeline/block_json.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/json_access.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

json::value number_or_null(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return exact(*value);
}

std::optional<double> finite_or_absent(const ObjectReader& reader, std::string_view name) {
  if (!reader.has(name)) return std::nullopt;
  return reader.number(name);
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string read_sha256(const ObjectReader& reader, std::string_view name) {
  std::string text = reader.text(name);
  if (!is_sha256(text)) throw DataError(fmt::format("{}: \"{}\" is no sha256", reader.what(), name));
  return text;
}

json::array write_metrics(const std::vector<stats::MetricValue>& metrics) {
  json::array out;
  for (const stats::MetricValue& one : metrics) {
    if (std::isfinite(one.value)) out.push_back({{"metric", to_text(one.metric)}, {"value", exact(one.value)}});
  }
  return out;
}

std::vector<stats::MetricValue> read_metrics(const json::array& list) {
  std::vector<stats::MetricValue> out;
  for (const json::value& item : list) {
    const ObjectReader reader(item, "the result's metric");
    const auto metric = reader.word<Metric>("metric");
    for (const stats::MetricValue& earlier : out) {
      if (earlier.metric == metric) throw DataError(fmt::format("the result names {} twice", to_text(metric)));
    }
    out.push_back({metric, reader.number("value")});
  }
  return out;
}

json::value write_comparison(const evaluate::Comparison& comparison) {
  json::object out{{"opponent", evaluate::to_text(comparison.opponent)},
                   {"metric", to_text(comparison.metric)},
                   {"rows", comparison.rows},
                   {"confidence", exact(comparison.confidence)},
                   {"candidate_metrics", write_metrics(comparison.candidate_metrics)},
                   {"opponent_metrics", write_metrics(comparison.opponent_metrics)},
                   {"candidate_value", number_or_null(comparison.candidate_value)},
                   {"opponent_value", number_or_null(comparison.opponent_value)},
                   {"difference", nullptr},
                   {"why_no_interval", comparison.why_no_interval}};
  if (comparison.difference) {
    const stats::Interval& interval = *comparison.difference;
    out["difference"] = {{"estimate", number_or_null(interval.estimate)},
                         {"low", number_or_null(interval.low)},
                         {"high", number_or_null(interval.high)},
                         {"standard_error", number_or_null(interval.standard_error)},
                         {"inflation", number_or_null(interval.inflation)},
                         {"clusters", interval.clusters},
                         {"method", interval.method}};
  }
  return out;
}

evaluate::Comparison read_comparison(const json::value& value) {
  const ObjectReader reader(value, "the result's comparison");
  evaluate::Comparison out;
  const auto opponent = evaluate::parse_opponent(reader.text("opponent"));
  if (!opponent) throw DataError("the result's comparison names an unknown opponent: " + reader.text("opponent"));
  out.opponent = *opponent;
  out.metric = reader.word<Metric>("metric");
  out.rows = reader.integer<std::size_t>("rows");
  out.confidence = reader.number("confidence");
  out.candidate_metrics = read_metrics(reader.array("candidate_metrics"));
  out.opponent_metrics = read_metrics(reader.array("opponent_metrics"));
  out.candidate_value = finite_or_absent(reader, "candidate_value");
  out.opponent_value = finite_or_absent(reader, "opponent_value");
  out.why_no_interval = reader.text("why_no_interval");
  if (reader.has("difference")) {
    const ObjectReader interval(reader.member("difference"), "the result's difference");
    // An interval with a bound that was not a number is no interval: nothing may be decided by it.
    for (const char* name : {"estimate", "low", "high", "standard_error"}) {
      if (!interval.has(name)) throw DataError(fmt::format("the result's difference has no {}", name));
    }
    out.difference = stats::Interval{.estimate = interval.number("estimate"),
                                     .low = interval.number("low"),
                                     .high = interval.number("high"),
                                     .standard_error = interval.number("standard_error"),
                                     .inflation = finite_or_absent(interval, "inflation").value_or(1.0),
                                     .clusters = interval.integer<std::size_t>("clusters"),
                                     .method = interval.text("method")};
    if (!(out.difference->low <= out.difference->estimate && out.difference->estimate <= out.difference->high)) {
      throw DataError("the result's difference does not lie between its bounds");
    }
  }
  return out;
}

json::value write_measured(const Measured& measured) {
  return {{"axis", measured.axis == TimeAxis::instant ? "instant" : "number"},
          {"window_from", exact(measured.window_from)},
          {"window_to", exact(measured.window_to)},
          {"data_rows", measured.data_rows},
          {"data_sha256", measured.data_sha256},
          {"train_rows", measured.train_rows},
          {"trained_from", exact(measured.trained_from)},
          {"trained_to", exact(measured.trained_to)},
          {"judged_against", measured.judged_against ? json::value(*measured.judged_against) : json::value(nullptr)},
          {"confidence", exact(measured.confidence)},
          {"comparison", write_comparison(measured.comparison)},
          {"artifact_sha256", measured.artifact_sha256},
          {"artifact_bytes", measured.artifact_bytes},
          {"trainer", measured.trainer},
          {"columns", write_columns(measured.reference.columns)},
          {"feature_blocks", write_blocks(measured.reference.features)},
          {"score_blocks", write_blocks(measured.reference.scores)},
          {"loss_blocks", write_blocks(measured.reference.losses)},
          {"warnings", json::array(measured.warnings.begin(), measured.warnings.end())},
          {"lineage", measured.lineage}};
}

// What no worker of ours can have measured, however its numbers came about.
void require_sense(const Measured& measured) {
  const evaluate::Comparison& comparison = measured.comparison;
  const bool production = comparison.opponent == evaluate::Opponent::production;
  if (production && !measured.judged_against) {
    throw DataError("the result judges against production without naming the version");
  }
  if (!production && measured.judged_against) {
    throw DataError("the result names a production version, but judges against the baseline");
  }
  if (measured.judged_against && *measured.judged_against < 1) throw DataError("the result names a version below 1");
  if (measured.window_from > measured.window_to) throw DataError("the result's window ends before it begins");
  if (measured.train_rows == 0 || measured.trained_from > measured.trained_to)
    throw DataError("the result's training rows make no sense");
  constexpr auto kMostRows = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (measured.data_rows > kMostRows || measured.train_rows > measured.data_rows ||
      comparison.rows > measured.data_rows - measured.train_rows) {
    throw DataError(fmt::format("the result trains on {} rows and judges on {}, but has read {}", measured.train_rows,
                                comparison.rows, measured.data_rows));
  }
  if (comparison.difference && comparison.difference->clusters > comparison.rows) {
    throw DataError("the result has more clusters than rows");
  }
  if (!(measured.confidence > 0 && measured.confidence < 1) || comparison.confidence != measured.confidence) {
    throw DataError(
        fmt::format("the result's level of confidence is {} and {}", measured.confidence, comparison.confidence));
  }
}

Measured read_measured(const json::value& value) {
  const ObjectReader reader(value, "the result");
  Measured out;
  out.axis = reader.axis("axis");
  out.window_from = reader.number("window_from");
  out.window_to = reader.number("window_to");
  out.data_rows = reader.integer<std::uint64_t>("data_rows");
  out.data_sha256 = read_sha256(reader, "data_sha256");
  out.train_rows = reader.integer<std::uint64_t>("train_rows");
  out.trained_from = reader.number("trained_from");
  out.trained_to = reader.number("trained_to");
  if (reader.has("judged_against")) out.judged_against = reader.integer<int>("judged_against");
  out.confidence = reader.number("confidence");
  out.comparison = read_comparison(reader.member("comparison"));
  out.artifact_sha256 = read_sha256(reader, "artifact_sha256");
  out.artifact_bytes = reader.integer<std::uint64_t>("artifact_bytes");
  out.trainer = reader.text("trainer");
  out.reference = {.columns = read_columns(reader.member("columns"), "the result's columns"),
                   .features = read_blocks(reader.member("feature_blocks"), "the result's feature blocks"),
                   .scores = read_blocks(reader.member("score_blocks"), "the result's score blocks"),
                   .losses = read_blocks(reader.member("loss_blocks"), "the result's loss blocks")};
  for (const json::value& warning : reader.array("warnings")) {
    const auto* text = warning.if_string();
    if (text == nullptr) throw DataError("the result: a warning is not a text");
    out.warnings.emplace_back(text->data(), text->size());
  }
  out.lineage = reader.text("lineage");
  (void)ObjectReader(parse_json(out.lineage, "the result's lineage"), "the result's lineage");
  require_sense(out);
  require_sense(out.reference);
  return out;
}

}  // namespace

std::string to_json(const Result& result) {
  json::object out{{"format", 1}, {"run_id", number(result.run)}, {"attempt", result.attempt}};
  if (const auto* measured = std::get_if<Measured>(&result.outcome)) {
    out["measured"] = write_measured(*measured);
  } else {
    const auto& failure = std::get<Failure>(result.outcome);
    out["failure"] = {{"transient", failure.transient},
                      {"step", to_text(failure.step)},
                      {"message", failure.message},
                      {"hint", failure.hint}};
  }
  return json::serialize(out);
}

Result result_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the result");
  const ObjectReader reader(value, "the result");
  if (reader.integer<int>("format") != 1) throw DataError("the result was written by another version of retraind");
  Result out{.run = RunId{reader.integer<std::int64_t>("run_id")},
             .attempt = reader.integer<int>("attempt"),
             .outcome = Failure{}};
  if (reader.has("failure")) {
    const ObjectReader failure(reader.member("failure"), "the result's failure");
    out.outcome = Failure{.transient = failure.boolean("transient"),
                          .step = failure.word<Step>("step"),
                          .message = failure.text("message"),
                          .hint = failure.text("hint")};
  } else {
    out.outcome = read_measured(reader.member("measured"));
  }
  return out;
}

void write_result(const std::filesystem::path& folder, const Result& result) {
  write_durable_file(folder / kResultFile, to_json(result));
}

Result read_result(const std::filesystem::path& folder, RunId run, int attempt) {
  Result result = result_from_json(read_whole_file(folder / kResultFile, kMaxResultBytes));
  if (result.run != run || result.attempt != attempt) {
    throw DataError(fmt::format("the result is of run {} attempt {}, not of run {} attempt {}", number(result.run),
                                result.attempt, number(run), attempt));
  }
  if (const auto* measured = std::get_if<Measured>(&result.outcome)) (void)read_artifact(folder, *measured);
  return result;
}

std::string read_artifact(const std::filesystem::path& folder, const Measured& measured) {
  std::string bytes = read_whole_file(folder / kArtifactFile, kMaxArtifactBytes);
  const std::string actual = to_hex(sha256(bytes));
  if (bytes.size() != measured.artifact_bytes || actual != measured.artifact_sha256) {
    throw DataError(fmt::format("the candidate's artifact has {} bytes and sha256 {}, not {} bytes and {}",
                                bytes.size(), actual, measured.artifact_bytes, measured.artifact_sha256));
  }
  return bytes;
}

}  // namespace retraind::pipeline
