#include "core/pipeline/comparison_json.h"

#include <cmath>

#include "core/pipeline/json_access.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

json::array write_metrics(const std::vector<evaluate::NamedMetric>& metrics) {
  json::array out;
  for (const evaluate::NamedMetric& one : metrics) {
    if (!std::isfinite(one.value)) continue;
    out.push_back({{"metric", to_text(one.metric)}, {"class", one.of_class}, {"value", exact(one.value)}});
  }
  return out;
}

std::vector<evaluate::NamedMetric> read_metrics(const json::array& list) {
  std::vector<evaluate::NamedMetric> out;
  for (const json::value& item : list) {
    const ObjectReader reader(item, "the result's metric");
    evaluate::NamedMetric metric{
        .metric = reader.word<Metric>("metric"), .of_class = reader.text("class"), .value = reader.number("value")};
    for (const evaluate::NamedMetric& earlier : out) {
      if (name_of(earlier) == name_of(metric)) {
        throw DataError(fmt::format("the result names {} twice", name_of(metric)));
      }
    }
    out.push_back(std::move(metric));
  }
  return out;
}

json::value write_interval(const std::optional<stats::Interval>& interval) {
  if (!interval) return nullptr;
  return {{"estimate", exact_or_null(interval->estimate)},
          {"low", exact_or_null(interval->low)},
          {"high", exact_or_null(interval->high)},
          {"standard_error", exact_or_null(interval->standard_error)},
          {"inflation", exact_or_null(interval->inflation)},
          {"clusters", interval->clusters},
          {"method", interval->method}};
}

std::optional<stats::Interval> read_interval(const ObjectReader& parent, std::string_view name) {
  if (!parent.has(name)) return std::nullopt;
  const ObjectReader reader(parent.member(name), fmt::format("{}'s {}", parent.what(), name));
  // An interval with a bound that was not a number is no interval: nothing may be decided by it.
  for (const char* part : {"estimate", "low", "high", "standard_error"}) {
    if (!reader.has(part)) throw DataError(fmt::format("{} has no {}", reader.what(), part));
  }
  const stats::Interval out{.estimate = reader.number("estimate"),
                            .low = reader.number("low"),
                            .high = reader.number("high"),
                            .standard_error = reader.number("standard_error"),
                            .inflation = reader.optional_number("inflation").value_or(1.0),
                            .clusters = reader.integer<std::size_t>("clusters"),
                            .method = reader.text("method")};
  if (!(out.low <= out.estimate && out.estimate <= out.high)) {
    throw DataError(fmt::format("{} does not lie between its bounds", reader.what()));
  }
  return out;
}

json::value write_figure(const evaluate::GateFigure& figure) {
  return {{"gate", figure.gate},
          {"slice", figure.slice},
          {"rows", figure.rows},
          {"candidate", write_interval(figure.candidate)},
          {"difference", write_interval(figure.difference)},
          {"log_p_harm", exact_or_null(figure.log_p_harm)},
          {"why_not", figure.why_not}};
}

evaluate::GateFigure read_figure(const json::value& value) {
  const ObjectReader reader(value, "the result's figure of a gate");
  evaluate::GateFigure out{.gate = reader.integer<std::size_t>("gate"),
                           .slice = reader.text("slice"),
                           .rows = reader.integer<std::uint64_t>("rows"),
                           .candidate = read_interval(reader, "candidate"),
                           .difference = read_interval(reader, "difference"),
                           .log_p_harm = reader.optional_number("log_p_harm"),
                           .why_not = reader.text("why_not")};
  if (out.log_p_harm && *out.log_p_harm > 0) throw DataError(reader.what() + " has a p-value above 1");
  return out;
}

}  // namespace

json::value write_comparison(const evaluate::Comparison& comparison) {
  json::array gates;
  for (const evaluate::GateFigure& figure : comparison.gates) gates.push_back(write_figure(figure));
  return {{"opponent", evaluate::to_text(comparison.opponent)},
          {"metric", to_text(comparison.metric)},
          {"rows", comparison.rows},
          {"confidence", exact(comparison.confidence)},
          {"candidate_metrics", write_metrics(comparison.candidate_metrics)},
          {"opponent_metrics", write_metrics(comparison.opponent_metrics)},
          {"candidate_value", exact_or_null(comparison.candidate_value)},
          {"opponent_value", exact_or_null(comparison.opponent_value)},
          {"difference", write_interval(comparison.difference)},
          {"why_no_interval", comparison.why_no_interval},
          {"anchor_difference", write_interval(comparison.anchor_difference)},
          {"anchor_value", exact_or_null(comparison.anchor_value)},
          {"detectable", exact_or_null(comparison.detectable)},
          {"rows_needed", comparison.rows_needed ? json::value(*comparison.rows_needed) : json::value(nullptr)},
          {"gates", gates}};
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
  out.candidate_value = reader.optional_number("candidate_value");
  out.opponent_value = reader.optional_number("opponent_value");
  out.why_no_interval = reader.text("why_no_interval");
  out.difference = read_interval(reader, "difference");
  out.anchor_difference = read_interval(reader, "anchor_difference");
  out.anchor_value = reader.optional_number("anchor_value");
  out.detectable = reader.optional_number("detectable");
  if (reader.has("rows_needed")) out.rows_needed = reader.integer<std::uint64_t>("rows_needed");
  for (const json::value& figure : reader.array("gates")) out.gates.push_back(read_figure(figure));
  return out;
}

json::value write_facts(const evaluate::CandidateFacts& facts) {
  const evaluate::PredictionFacts& said = facts.predictions;
  return {{"rows", said.rows},
          {"invalid", said.invalid},
          {"first_invalid", said.first_invalid},
          {"constant", said.constant},
          {"out_of_range", said.out_of_range},
          {"label_low", exact(said.label_low)},
          {"label_high", exact(said.label_high)},
          {"package_compared", facts.package_compared},
          {"package_differs", facts.package_differs},
          {"seconds_per_thousand", exact(facts.seconds_per_thousand)},
          {"artifact_bytes", facts.artifact_bytes},
          {"schema_changes", json::array(facts.schema_changes.begin(), facts.schema_changes.end())}};
}

evaluate::CandidateFacts read_facts(const json::value& value) {
  const ObjectReader reader(value, "the result's facts");
  evaluate::CandidateFacts out;
  out.predictions = {.rows = reader.integer<std::uint64_t>("rows"),
                     .invalid = reader.integer<std::uint64_t>("invalid"),
                     .first_invalid = reader.text("first_invalid"),
                     .constant = reader.boolean("constant"),
                     .out_of_range = reader.integer<std::uint64_t>("out_of_range"),
                     .label_low = reader.number("label_low"),
                     .label_high = reader.number("label_high")};
  out.package_compared = reader.integer<std::uint64_t>("package_compared");
  out.package_differs = reader.integer<std::uint64_t>("package_differs");
  out.seconds_per_thousand = reader.number("seconds_per_thousand");
  out.artifact_bytes = reader.integer<std::uint64_t>("artifact_bytes");
  for (const json::value& change : reader.array("schema_changes")) {
    const auto* text = change.if_string();
    if (text == nullptr) throw DataError(reader.what() + ": a change of the schema is not a text");
    out.schema_changes.emplace_back(text->data(), text->size());
  }
  if (out.predictions.invalid > out.predictions.rows || out.package_differs > out.package_compared) {
    throw DataError(reader.what() + " count more rows than there are");
  }
  if (out.seconds_per_thousand < 0) throw DataError(reader.what() + " name a negative time");
  return out;
}

}  // namespace retraind::pipeline
