#include "core/pipeline/lineage.h"

#include "core/pipeline/finding_json.h"
#include "core/pipeline/json_access.h"
#include "core/settings/canonical_json.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

std::string axis_text(TimeAxis axis) {
  return axis == TimeAxis::instant ? "instant" : "number";
}

// An event time as people read it; exact on both axes.
EventTime event_time(const ObjectReader& reader, std::string_view name, TimeAxis axis) {
  const std::string written = reader.text(name);
  if (axis == TimeAxis::number) return reader.number(name);
  const auto instant = parse_instant(written);
  if (!instant) throw DataError(fmt::format("{}: \"{}\" is no instant", reader.what(), name));
  return to_event_time(*instant);
}

json::object write_bounds(const Extent& extent) {
  json::object out;
  const source::RowFilter& filter = extent.filter;
  if (filter.after) out["after"] = format_event_time(extent.axis, *filter.after);
  if (filter.until) out["until"] = format_event_time(extent.axis, *filter.until);
  if (filter.newest_rows) out["newest_rows"] = *filter.newest_rows;
  if (extent.sample_share < 1) out["sample_share"] = exact(extent.sample_share);
  return out;
}

// Of a lineage that does not name its axis: numbers are no instants.
TimeAxis axis_of_bounds(const json::value& value) {
  const ObjectReader reader(value, "the lineage's bounds");
  return !reader.has("until") || parse_instant(reader.text("until")) ? TimeAxis::instant : TimeAxis::number;
}

Extent read_bounds(const json::value& value, TimeAxis axis) {
  const ObjectReader reader(value, "the lineage's bounds");
  Extent out;
  out.axis = axis;
  out.filter.labelled_only = true;
  if (reader.has("after")) out.filter.after = event_time(reader, "after", axis);
  if (reader.has("until")) out.filter.until = event_time(reader, "until", axis);
  if (reader.has("newest_rows")) out.filter.newest_rows = reader.integer<std::uint64_t>("newest_rows");
  if (reader.has("sample_share")) out.sample_share = reader.number("sample_share");
  return out;
}

std::map<std::string, std::string> read_files(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) throw DataError("the lineage's program files are no object");
  std::map<std::string, std::string> out;
  for (const auto& [path, sha256] : *object) {
    const auto* text = sha256.if_string();
    if (text == nullptr) throw DataError("the sha256 of one of the lineage's program files is not a text");
    out.emplace(path, std::string(text->data(), text->size()));
  }
  return out;
}

}  // namespace

std::string to_json(const Lineage& lineage) {
  const TimeAxis axis = lineage.extent.axis;
  json::object out{{"retraind", lineage.retraind},
                   {"trainer", lineage.trainer},
                   {"query", lineage.query},
                   {"schema", lineage.schema},
                   {"axis", axis_text(axis)},
                   {"bounds", write_bounds(lineage.extent)},
                   {"rows", lineage.rows},
                   {"data_sha256", lineage.data_sha256},
                   {"train_begin", lineage.train_begin},
                   {"train_end", lineage.train_end},
                   {"seed", lineage.seed},
                   {"rounds", lineage.rounds},
                   {"params", write_parameters(lineage.params)},
                   {"warnings", json::array(lineage.warnings.begin(), lineage.warnings.end())}};
  if (!lineage.program_files.empty()) {
    json::object& files = out["program_files"].emplace_object();
    for (const auto& [path, sha256] : lineage.program_files) files[path] = sha256;
  }
  if (lineage.digest) out["digest"] = settings::parse_json(data::to_json(*lineage.digest));
  if (lineage.parent) {
    out["parent"] = {{"version", lineage.parent->version}, {"artifact_sha256", lineage.parent->artifact_sha256}};
  }
  if (lineage.refit) {
    out["refit"] = {{"judged_artifact_sha256", lineage.refit->judged_artifact_sha256},
                    {"judged_train_rows", lineage.refit->judged_train_rows},
                    {"judged_trained_to", format_event_time(axis, lineage.refit->judged_trained_to)}};
  }
  if (lineage.kept_data_sha256) out["kept_data_sha256"] = *lineage.kept_data_sha256;
  return settings::canonical_text(out);
}

Lineage lineage_from_json(std::string_view text) {
  const json::value value = settings::parse_json(text);
  const ObjectReader reader(value, "the lineage");
  Lineage out;
  out.retraind = reader.text("retraind");
  out.trainer = reader.text("trainer");
  if (reader.has("program_files")) out.program_files = read_files(reader.member("program_files"));
  out.query = reader.text("query");
  out.schema = reader.text("schema");
  const TimeAxis axis = reader.has("axis") ? reader.axis("axis") : axis_of_bounds(reader.member("bounds"));
  out.extent = read_bounds(reader.member("bounds"), axis);
  out.rows = reader.integer<std::uint64_t>("rows");
  out.data_sha256 = reader.text("data_sha256");
  if (reader.has("digest"))
    out.digest = data::table_digest_from_json(settings::canonical_text(reader.member("digest")));
  if (reader.has("train_begin")) out.train_begin = reader.integer<std::uint64_t>("train_begin");
  if (reader.has("train_end")) out.train_end = reader.integer<std::uint64_t>("train_end");
  out.seed = reader.integer<std::uint64_t>("seed");
  if (reader.has("rounds")) out.rounds = reader.integer<int>("rounds");
  if (reader.has("params")) out.params = read_parameters(reader.member("params"));
  if (reader.has("parent")) {
    const ObjectReader parent(reader.member("parent"), "the lineage's parent");
    out.parent = {.version = parent.integer<int>("version"), .artifact_sha256 = parent.text("artifact_sha256")};
  }
  if (reader.has("refit")) {
    const ObjectReader refit(reader.member("refit"), "the lineage's refit");
    out.refit = {.judged_artifact_sha256 = refit.text("judged_artifact_sha256"),
                 .judged_train_rows = refit.integer<std::uint64_t>("judged_train_rows"),
                 .judged_trained_to = event_time(refit, "judged_trained_to", axis)};
  }
  if (reader.has("kept_data_sha256")) out.kept_data_sha256 = reader.text("kept_data_sha256");
  for (const json::value& warning : reader.array("warnings")) {
    const auto* text_of = warning.if_string();
    if (text_of == nullptr) throw DataError("a warning in the lineage is not a text");
    out.warnings.emplace_back(text_of->data(), text_of->size());
  }
  return out;
}

}  // namespace retraind::pipeline
