#include "core/train/job_json.h"

#include <boost/json.hpp>

#include "core/settings/canonical_json.h"
#include "core/train/csv.h"

namespace retraind::train {
namespace {

namespace json = boost::json;

constexpr int kFormat = 1;

json::value parameter(const settings::Parameter& value) {
  return std::visit([](const auto& held) { return json::value(held); }, value);
}

json::array texts(const std::vector<std::string>& values) {
  json::array out;
  for (const std::string& value : values) out.emplace_back(value);
  return out;
}

json::array columns(const TrainingJob& job) {
  json::array out;
  for (const data::PreparedFeature& feature : job.features) {
    json::object column{{"name", feature.name}, {"type", data::to_text(feature.type)}};
    if (feature.type == data::ValueType::category) column["levels"] = texts(feature.levels);
    out.emplace_back(std::move(column));
  }
  return out;
}

// What a program needs of the training to predict, it has left in model/: the configuration may be another by then.
json::object only_for_training(const TrainingJob& job, bool with_weights) {
  json::object params;
  for (const auto& [name, value] : job.params) params[name] = parameter(value);
  return {{"weight", with_weights ? json::value(weight_column(job)) : json::value(nullptr)},
          {"params", std::move(params)},
          {"rounds", job.rounds},
          {"seed", job.seed},
          {"previous_model", job.previous.empty() ? json::value(nullptr) : json::value(kPreviousFolder)}};
}

}  // namespace

std::string job_json(const TrainingJob& job, CommandStep step, std::size_t rows, bool with_weights) {
  const bool trains = step == CommandStep::train;
  json::object paths{{"rows", trains ? kTrainCsv : kFeaturesCsv}, {"model", kModelFolder}};
  if (!trains) paths["predictions"] = kPredictionsCsv;
  json::object out{{"format", kFormat},         {"step", trains ? "train" : "predict"},
                   {"task", to_text(job.task)}, {"columns", columns(job)},
                   {"label", job.label},        {"classes", texts(job.class_labels)},
                   {"threads", job.threads},    {"rows", rows},
                   {"paths", std::move(paths)}};
  if (trains) {
    for (const auto& member : only_for_training(job, with_weights)) out.insert(member);
  }
  return settings::canonical_text(out) + "\n";
}

}  // namespace retraind::train
