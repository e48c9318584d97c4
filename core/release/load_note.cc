#include "core/release/load_note.h"

#include <fmt/format.h>

#include "core/base/vocabulary.h"
#include "core/release/printable.h"

namespace retraind::release {
namespace {

std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return {};
  return printable_line(std::string_view(value->get_string().data(), value->get_string().size()), 200);
}

constexpr const char* kFolder = R"(
  model/              the model, as {} left it
  preparation.json    the features in the order the model wants them, with the levels of
                      categories, and the classes by their index
  lineage.json        the rows it was made from, the parameters, the versions
  manifest.json       what this folder holds, with the sha256 of each file
)";

// The very steps of a preparation: numbers as 4-byte floats, levels by their place, all else missing.
constexpr const char* kXgboost = R"(
In Python, with the packages xgboost ({} made it; newer ones read it too) and numpy:

    import csv, json, math
    import numpy, xgboost

    preparation = json.load(open("preparation.json"))
    booster = xgboost.Booster(model_file="{}")

    def value(feature, text):          # a field of a CSV file; an empty one is missing
        if text == "":
            return math.nan
        if feature["type"] == "category":
            levels = feature["levels"]
            return levels.index(text) if text in levels else math.nan
        if feature["type"] == "boolean":
            return 1.0 if text.lower() in ("t", "true", "1") else 0.0
        return float(text)

    rows = list(csv.DictReader(open("rows.csv")))
    matrix = numpy.array([[value(f, row[f["name"]]) for f in preparation["features"]]
                          for row in rows], dtype=numpy.float32)
    print(booster.predict(xgboost.DMatrix(matrix, missing=math.nan)))

)";

constexpr const char* kCommand = R"(
The model was made by a program of yours, and your program reads it: the one that predicts gets
features.csv and model/ in its working directory and writes predictions.csv. Both argvs stand in
manifest.json ("command").

)";

const char* meaning_of(Task task) {
  switch (task) {
    case Task::binary:
      return "A prediction is the probability of the second of preparation[\"classes\"].\n";
    case Task::multiclass:
      return "A prediction is one probability for each of preparation[\"classes\"], in their order.\n";
    case Task::regression:
      return "A prediction is the value itself.\n";
  }
  return "";
}

}  // namespace

std::string load_note(const ModelToExport& wanted, const boost::json::object& manifest, const Files& files) {
  const std::string trainer = text_of(manifest, "trainer");
  std::string version = text_of(manifest, "trainer_version");
  if (version.empty()) version = trainer;
  std::string out =
      fmt::format("{} version {}, made by {}\n", printable_line(wanted.model, 100), wanted.version, version);
  out += fmt::format(kFolder, version);
  if (trainer == "xgboost") {
    std::string file = "model/model.ubj";
    for (const auto& [name, bytes] : files) {
      if (name.starts_with("model/")) file = name;
    }
    out += fmt::format(kXgboost, version, printable_line(file, 200));
  } else {
    out += kCommand;
  }
  if (const auto task = parse<Task>(text_of(manifest, "task"))) out += meaning_of(*task);
  return out;
}

}  // namespace retraind::release
