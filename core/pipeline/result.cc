#include "core/pipeline/result.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/base/sha256.h"
#include "core/pipeline/block_json.h"
#include "core/pipeline/comparison_json.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/finding_json.h"
#include "core/pipeline/json_access.h"
#include "core/pipeline/kept_data.h"
#include "core/train/utf8.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

bool is_sha256(const std::string& text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string read_sha256(const ObjectReader& reader, std::string_view name) {
  std::string text = reader.text(name);
  if (!is_sha256(text)) throw DataError(fmt::format("{}: \"{}\" is no sha256", reader.what(), name));
  return text;
}

json::value write_refit(const std::optional<Refit>& refit) {
  if (!refit) return nullptr;
  return {{"facts", write_facts(refit->facts.candidate)},
          {"disagreement", exact(refit->facts.disagreement)},
          {"judged_sha256", refit->judged_sha256},
          {"judged_rows", refit->judged_rows},
          {"judged_to", exact(refit->judged_to)}};
}

std::optional<Refit> read_refit(const ObjectReader& parent) {
  if (!parent.has("refit")) return std::nullopt;
  const ObjectReader reader(parent.member("refit"), "the result's refit");
  Refit out{.facts = {.candidate = read_facts(reader.member("facts")), .disagreement = reader.number("disagreement")},
            .judged_sha256 = read_sha256(reader, "judged_sha256"),
            .judged_rows = reader.integer<std::uint64_t>("judged_rows"),
            .judged_to = reader.number("judged_to")};
  if (!(out.facts.disagreement >= 0 && out.facts.disagreement <= 1)) {
    throw DataError("the result's refit disagrees on a share of rows that is none");
  }
  return out;
}

template <class T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::value write_kept(const std::optional<KeptData>& kept) {
  if (!kept) return nullptr;
  return {{"sha256", kept->sha256}, {"bytes", kept->bytes}};
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
          {"judged_again", measured.judged_again},
          {"judged_against", or_null(measured.judged_against)},
          {"stand_in", or_null(measured.stand_in)},
          {"production_fault", measured.production_fault},
          {"anchor", or_null(measured.anchor)},
          {"anchor_fault", measured.anchor_fault},
          {"holdout_from", exact_or_null(measured.holdout_from)},
          {"holdout_to", exact_or_null(measured.holdout_to)},
          {"confidence", exact(measured.confidence)},
          {"comparison", write_comparison(measured.comparison)},
          {"facts", write_facts(measured.facts)},
          {"refit", write_refit(measured.refit)},
          {"artifact_sha256", measured.artifact_sha256},
          {"artifact_bytes", measured.artifact_bytes},
          {"trainer", measured.trainer},
          {"columns", write_columns(measured.reference.columns)},
          {"feature_blocks", write_blocks(measured.reference.features)},
          {"score_blocks", write_blocks(measured.reference.scores)},
          {"loss_blocks", write_blocks(measured.reference.losses)},
          {"warnings", json::array(measured.warnings.begin(), measured.warnings.end())},
          {"learned", measured.learned ? json::value(data::to_json(*measured.learned)) : json::value(nullptr)},
          {"kept", write_kept(measured.kept)},
          {"lineage", measured.lineage}};
}

// What no worker of ours can have measured, however its numbers came about.
void require_sense(const Measured& measured) {
  const evaluate::Comparison& comparison = measured.comparison;
  const bool production = comparison.opponent == evaluate::Opponent::production;
  if (production && !measured.judged_against) {
    throw DataError("the result judges against production without naming the version");
  }
  // The baseline stands in where no version loads at all, and then it must be said why.
  if (!production && measured.judged_against && measured.production_fault.empty()) {
    throw DataError("the result names a production version, but judges against the baseline");
  }
  if (measured.stand_in && (!production || measured.production_fault.empty())) {
    throw DataError("the result names a stand-in for a production version that has no fault");
  }
  if (measured.production_fault.empty() != (!measured.judged_against || (production && !measured.stand_in))) {
    throw DataError("the result's opponent does not fit what it says of production");
  }
  // Rows without any weight are held out too, and are none to judge by.
  const bool held_out = measured.holdout_from.has_value();
  if (measured.holdout_to.has_value() != held_out || (comparison.rows > 0 && !held_out) ||
      (held_out && *measured.holdout_from > *measured.holdout_to)) {
    throw DataError("the result's holdout makes no sense");
  }
  const evaluate::CandidateFacts& released = measured.refit ? measured.refit->facts.candidate : measured.facts;
  if (released.artifact_bytes != measured.artifact_bytes) {
    throw DataError(fmt::format("the result's artifact has {} bytes, and its gates are about {}",
                                measured.artifact_bytes, released.artifact_bytes));
  }
  if (measured.refit && measured.judged_again) throw DataError("the result refits a candidate that was not trained");
  if (measured.judged_against && *measured.judged_against < 1) throw DataError("the result names a version below 1");
  if (measured.window_from > measured.window_to) throw DataError("the result's window ends before it begins");
  if ((measured.train_rows == 0 && !measured.judged_again) || measured.trained_from > measured.trained_to)
    throw DataError("the result's training rows make no sense");
  constexpr auto kMostRows = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  // A refit is trained on the rows it was judged on too.
  const std::uint64_t trained = measured.refit ? measured.refit->judged_rows : measured.train_rows;
  if (measured.data_rows > kMostRows || measured.train_rows > measured.data_rows || trained > measured.data_rows ||
      comparison.rows > measured.data_rows - trained) {
    throw DataError(fmt::format("the result trains on {} rows and judges on {}, but has read {}", measured.train_rows,
                                comparison.rows, measured.data_rows));
  }
  if (measured.judged_again && (measured.learned || measured.kept)) {
    throw DataError("the result learns from rows that nothing was trained on");
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
  out.judged_again = reader.boolean("judged_again");
  if (reader.has("judged_against")) out.judged_against = reader.integer<int>("judged_against");
  if (reader.has("stand_in")) out.stand_in = reader.integer<int>("stand_in");
  out.production_fault = reader.text("production_fault");
  if (reader.has("anchor")) out.anchor = reader.integer<int>("anchor");
  out.anchor_fault = reader.text("anchor_fault");
  if (reader.has("holdout_from")) out.holdout_from = reader.number("holdout_from");
  if (reader.has("holdout_to")) out.holdout_to = reader.number("holdout_to");
  out.confidence = reader.number("confidence");
  out.comparison = read_comparison(reader.member("comparison"));
  out.facts = read_facts(reader.member("facts"));
  out.refit = read_refit(reader);
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
  if (reader.has("learned")) out.learned = data::expectation_from_json(reader.text("learned"));
  if (reader.has("kept")) {
    const ObjectReader kept(reader.member("kept"), "the result's kept data");
    out.kept = {.sha256 = read_sha256(kept, "sha256"), .bytes = kept.integer<std::uint64_t>("bytes")};
  }
  out.lineage = reader.text("lineage");
  (void)ObjectReader(parse_json(out.lineage, "the result's lineage"), "the result's lineage");
  require_sense(out);
  require_sense(out.reference);
  return out;
}

}  // namespace

evaluate::Circumstances circumstances_of(const Measured& measured) {
  evaluate::Circumstances out;
  out.production = measured.judged_against;
  out.stand_in = measured.stand_in;
  out.production_fault = measured.production_fault;
  out.anchor = measured.anchor;
  out.anchor_fault = measured.anchor_fault;
  out.judged_again = measured.judged_again;
  if (measured.refit) out.refit = measured.refit->facts;
  return out;
}

std::string to_json(const Result& result) {
  json::object out{{"format", 1},
                   {"run_id", number(result.run)},
                   {"attempt", result.attempt},
                   {"findings", write_findings(result.findings)},
                   {"searched", write_trials(result.searched)}};
  if (const auto* measured = std::get_if<Measured>(&result.outcome)) {
    out["measured"] = write_measured(*measured);
  } else {
    const auto& failure = std::get<Failure>(result.outcome);
    out["failure"] = {{"transient", failure.transient},
                      {"step", to_text(failure.step)},
                      {"message", train::well_formed(failure.message)},
                      {"hint", train::well_formed(failure.hint)}};
  }
  return json::serialize(out);
}

Result result_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the result");
  const ObjectReader reader(value, "the result");
  if (reader.integer<int>("format") != 1) throw DataError("the result was written by another version of retraind");
  Result out{.run = RunId{reader.integer<std::int64_t>("run_id")},
             .attempt = reader.integer<int>("attempt"),
             .outcome = Failure{},
             .findings = read_findings(reader.member("findings")),
             .searched = read_trials(reader.member("searched"))};
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

namespace {

void require_kept_data(const std::filesystem::path& folder, const KeptData& kept) {
  const std::filesystem::path path = folder / kKeptDataFile;
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (error || status.type() != std::filesystem::file_type::regular) {
    throw DataError(fmt::format("{} is missing, or no regular file", kKeptDataFile));
  }
  if (kept.bytes > kMaxKeptBytes || std::filesystem::file_size(path) != kept.bytes ||
      to_hex(sha256_of_file(path)) != kept.sha256) {
    throw DataError(fmt::format("{} does not have the {} bytes and the sha256 {} that the result says", kKeptDataFile,
                                kept.bytes, kept.sha256));
  }
}

}  // namespace

Result read_result(const std::filesystem::path& folder, RunId run, int attempt) {
  Result result = result_from_json(read_whole_file(folder / kResultFile, kMaxResultBytes));
  if (result.run != run || result.attempt != attempt) {
    throw DataError(fmt::format("the result is of run {} attempt {}, not of run {} attempt {}", number(result.run),
                                result.attempt, number(run), attempt));
  }
  if (const auto* measured = std::get_if<Measured>(&result.outcome)) {
    (void)read_artifact(folder, *measured);
    if (measured->kept) require_kept_data(folder, *measured->kept);
  }
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
