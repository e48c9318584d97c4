#include "core/pipeline/reproduction.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string_view>

#include "core/base/text.h"
#include "core/pipeline/json_access.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

// One line of the report: what, how it fares, and more of it in lines of their own below.
void add(std::string& out, std::string_view what, std::string_view state, std::string_view detail) {
  out += fmt::format("{:<10}{:<9} {}\n", what, state, detail);
}
void add_below(std::string& out, std::string_view detail) {
  out += fmt::format("{:<20}{}\n", "", detail);
}

void report_data(const Reproduction& found, std::string& out) {
  const std::string then = fmt::format("{} rows, sha256 {}", found.rows_then, found.data_then);
  if (found.asked_source) {
    if (found.data_now == found.data_then) {
      add(out, "data", "same", then);
    } else if (found.data_now.empty()) {
      add(out, "data", "unknown", then + " then");
    } else {
      add(out, "data", "differs", then + " then");
      add_below(out, "sha256 " + found.data_now + " at the source now");
    }
    for (const std::string& change : found.changes) add_below(out, change);
  }
  if (found.used == RowsUsed::kept) {
    add(out, "kept data", found.same_data() ? "same" : "differs",
        found.same_data() ? then
                          : fmt::format("sha256 {}: the kept rows are not those of the version", found.data_used));
  }
}

void report_model(const Reproduction& found, std::string& out) {
  if (found.artifact_now.empty()) return;  // the conclusion says why
  std::string same;
  for (const FileComparison& file : found.files) {
    if (file.same()) same += (same.empty() ? "" : ", ") + file.name;
  }
  const std::string_view state = found.same_model() ? "same" : "differs";
  if (!same.empty()) same += ": byte for byte the same";
  if (found.artifact_now == found.artifact_then) same += ", and so is the whole artifact, sha256 " + found.artifact_now;
  bool first = true;
  const auto tell = [&](const std::string& detail) {
    if (first) {
      add(out, "model", state, detail);
    } else {
      add_below(out, detail);
    }
    first = false;
  };
  if (found.predictions) {
    const PredictionComparison& said = *found.predictions;
    tell(said.differ == 0 ? fmt::format("the predictions of all {} rows are the same", said.rows)
                          : fmt::format("the predictions of {} of {} rows differ, by at most {}", said.differ,
                                        said.rows, format_number(said.largest)));
  }
  if (!same.empty()) tell(same);
  for (const FileComparison& file : found.files) {
    if (file.same()) continue;
    tell(file.now_sha256.empty() ? file.name + " was there then and is not made now"
         : file.then_sha256.empty()
             ? file.name + " is made now and was not there then"
             : fmt::format("{} differs: sha256 {} then, {} now", file.name, file.then_sha256, file.now_sha256));
  }
}

std::string conclusion(const Reproduction& found) {
  const std::string who = fmt::format("version {} of {}", found.version, found.model);
  if (found.reproduced()) {
    return who + (found.used == RowsUsed::kept ? " was reproduced from the rows kept with it" : " was reproduced") +
           (found.by_predictions && !found.same_files() ? ": its files differ, its predictions do not" : "");
  }
  if (!found.same_data()) {
    if (found.used == RowsUsed::none) return who + " was not reproduced: " + found.fault;
    return who + " was not reproduced: it was trained on other rows";
  }
  if (found.artifact_now.empty()) return who + " was not reproduced: " + found.fault;
  return who + " was not reproduced: " +
         (found.programs.empty() ? "the same rows, programs and parameters gave another model"
                                 : "the programs are not those it was made with");
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

bool Reproduction::same_files() const {
  return !files.empty() && std::all_of(files.begin(), files.end(), [](const auto& file) { return file.same(); });
}

bool Reproduction::same_model() const {
  if (artifact_now.empty()) return false;
  return by_predictions ? predictions && predictions->differ == 0 : same_files();
}

std::string to_report(const Reproduction& found) {
  std::string out = fmt::format("{} version {}, made by {}\n", found.model, found.version, found.trainer);
  report_data(found, out);
  for (std::size_t i = 0; i < found.programs.size(); ++i) {
    if (i == 0) {
      add(out, "programs", "differ", found.programs[i]);
    } else {
      add_below(out, found.programs[i]);
    }
  }
  report_model(found, out);
  return out + conclusion(found) + "\n";
}

std::string to_json(const Reproduction& found) {
  constexpr std::string_view kUsed[] = {"none", "source", "kept"};
  json::array files;
  for (const FileComparison& file : found.files) {
    files.push_back({{"name", file.name},
                     {"then_sha256", text_or_null(file.then_sha256)},
                     {"now_sha256", text_or_null(file.now_sha256)},
                     {"same", file.same()}});
  }
  json::value predictions = nullptr;
  if (found.predictions) {
    predictions = {{"rows", found.predictions->rows},
                   {"differ", found.predictions->differ},
                   {"largest", found.predictions->largest}};
  }
  return json::serialize(json::object{
      {"model", found.model},
      {"version", found.version},
      {"trainer", found.trainer},
      {"reproduced", found.reproduced()},
      {"conclusion", conclusion(found)},
      {"data",
       {{"rows", found.rows_then},
        {"then_sha256", found.data_then},
        {"source_sha256", text_or_null(found.data_now)},
        {"same_at_source", found.asked_source ? json::value(found.data_now == found.data_then) : json::value(nullptr)},
        {"changes", json::array(found.changes.begin(), found.changes.end())},
        {"used", kUsed[static_cast<std::size_t>(found.used)]},
        {"used_sha256", text_or_null(found.data_used)},
        {"same", found.same_data()}}},
      {"programs", json::array(found.programs.begin(), found.programs.end())},
      {"artifact", {{"then_sha256", found.artifact_then}, {"now_sha256", text_or_null(found.artifact_now)}}},
      {"model_same", found.same_model()},
      {"compared_by", found.by_predictions ? "predictions" : "bytes"},
      {"files", std::move(files)},
      {"predictions", std::move(predictions)},
      {"fault", text_or_null(found.fault)}});
}

}  // namespace retraind::pipeline
