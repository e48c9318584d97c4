#include "core/train/xgboost_trainer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/train/gradients.h"
#include "core/train/training_set.h"
#include "core/train/xgboost_handles.h"

namespace retraind::train {
namespace {

constexpr std::string_view kModelFile = "model.ubj";
constexpr int kDefaultBins = 256;  // XGBoost's

// What the job decides, or what would change the shape of a prediction, and what to write instead.
struct Reserved {
  std::string_view name;
  std::string_view instead;
};
constexpr std::array<Reserved, 14> kReserved{{
    {"objective", "the task decides it"},
    {"num_class", "the labels decide it"},
    {"seed", "set training.seed"},
    {"random_state", "set training.seed"},
    {"nthread", "set training.threads"},
    {"n_jobs", "set training.threads"},
    {"num_round", "set training.rounds"},
    {"n_estimators", "set training.rounds"},
    {"verbosity", "leave it out"},
    {"silent", "leave it out"},
    {"validate_parameters", "leave it out"},
    {"process_type", "leave it out"},
    {"num_feature", "leave it out"},
    {"num_target", "leave it out"},
}};

std::string_view objective(Task task) {
  switch (task) {
    case Task::binary:
      return "binary:logistic";
    case Task::multiclass:
      return "multi:softprob";
    case Task::regression:
      return "reg:squarederror";
  }
  throw std::logic_error("an unknown task");
}

std::string spelled(const settings::Parameter& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "1" : "0";
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
  if (const auto* number = std::get_if<double>(&value)) return format_number(*number);
  return std::get<std::string>(value);
}

bool has_category(const TrainingJob& job) {
  return std::any_of(job.features.begin(), job.features.end(),
                     [](const data::PreparedFeature& feature) { return feature.type == data::ValueType::category; });
}

// The (weighted) mean, which a regression starts from.
double mean_label(const TrainingSet& set) {
  if (set.weights.empty()) {
    return std::accumulate(set.labels.begin(), set.labels.end(), 0.0) / static_cast<double>(set.labels.size());
  }
  double labels = 0;
  double weights = 0;
  for (std::size_t i = 0; i < set.labels.size(); ++i) {
    labels += static_cast<double>(set.weights[i]) * static_cast<double>(set.labels[i]);
    weights += static_cast<double>(set.weights[i]);
  }
  return labels / weights;
}

std::map<std::string, std::string> library_params(const TrainingSet& set, const TrainingJob& job) {
  std::map<std::string, std::string> params;
  params["tree_method"] = "hist";
  if (job.task == Task::regression) {
    params["base_score"] = format_number(static_cast<float>(mean_label(set)));
  }
  for (const auto& [name, value] : job.params) {
    for (const Reserved& reserved : kReserved) {
      if (name == reserved.name) {
        throw DataError("xgboost: the parameter \"" + name + "\" cannot be set in params",
                        std::string(reserved.instead));
      }
    }
    params[name] = spelled(value);
  }
  if (const auto booster = params.find("booster"); booster != params.end() && booster->second == "gblinear") {
    throw DataError("xgboost: booster = \"gblinear\" does not give the same model twice",
                    "use gbtree or dart, or a command trainer");
  }
  if (params["tree_method"] == "exact" && has_category(job)) {
    throw DataError("xgboost: tree_method = \"exact\" cannot split on categories", "use hist or approx");
  }
  if (job.task == Task::regression && params.contains("scale_pos_weight")) {
    throw DataError("xgboost: scale_pos_weight is for the task binary");
  }
  params["objective"] = objective(job.task);
  if (job.task == Task::multiclass) params["num_class"] = std::to_string(job.classes);
  params["seed"] = std::to_string(job.seed);
  params["nthread"] = std::to_string(job.threads);
  params["validate_parameters"] = "1";
  return params;
}

// `text` as a whole number, for the two parameters that this code must understand as well as the library.
std::optional<double> number(const std::map<std::string, std::string>& params, const std::string& name) {
  const auto found = params.find(name);
  if (found == params.end()) return std::nullopt;
  double value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto result = std::from_chars(found->second.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) {
    throw DataError("xgboost: the parameter \"" + name + "\" is \"" + found->second + "\", which is no number");
  }
  return value;
}

int bins(const std::map<std::string, std::string>& params) {
  const double asked = number(params, "max_bin").value_or(kDefaultBins);
  if (!(asked >= 2 && asked <= 65536 && asked == std::floor(asked))) {
    throw DataError("xgboost: max_bin is " + format_number(asked) + "; it must be a whole number from 2 to 65536");
  }
  return static_cast<int>(asked);
}

// Only parameters are complained of in this form: 'Parameters: { "max_dept" } are not used.'
void report(const std::vector<std::string>& warnings, const TrainingJob& job) {
  for (const std::string& warning : warnings) {
    if (warning.starts_with("Parameters:")) {
      throw DataError("xgboost: " + warning, "check the spelling in training.params");
    }
    if (job.on_warning) job.on_warning(warning);
  }
}

class XgboostModel : public Model {
 public:
  XgboostModel(std::string bytes, const TrainingJob& job)
      : bytes_(std::move(bytes)),
        booster_(bytes_, job.threads),
        outputs_(job.task == Task::multiclass ? job.classes : 1) {
    for (const auto& feature : job.features) names_.push_back(feature.name);
    if (booster_.objective() != objective(job.task)) {
      throw DataError("the model was trained with " + booster_.objective() + ", and the task is " +
                      std::string(to_text(job.task)));
    }
    if (booster_.columns() != names_.size()) {
      throw DataError("the model was trained on " + std::to_string(booster_.columns()) + " features, not on " +
                      std::to_string(names_.size()));
    }
    // A row of missing values passes every tree and shows how many numbers a prediction has.
    predict({1, names_.size(), std::vector<float>(names_.size(), std::numeric_limits<float>::quiet_NaN())});
  }

  std::vector<double> predict(const data::Matrix& features) const override {
    if (features.columns != names_.size()) {
      throw DataError("the model was trained on " + std::to_string(names_.size()) + " features and is asked to score " +
                      std::to_string(features.columns));
    }
    if (features.values.size() != features.rows * features.columns) throw std::logic_error("a matrix of another size");
    if (features.rows == 0) return {};
    const auto scores = booster_.predict(features.values.data(), features.rows, features.columns);
    if (scores.size() != features.rows * outputs_) {
      throw DataError("the model gives " + std::to_string(scores.size() / features.rows) +
                      " numbers a row instead of " + std::to_string(outputs_));
    }
    for (std::size_t i = 0; i < scores.size(); ++i) {
      if (!std::isfinite(scores[i])) {
        throw DataError("the model's prediction for row " + std::to_string(i / outputs_ + 1) + " of " +
                        std::to_string(features.rows) + " is not a finite number");
      }
    }
    return {scores.begin(), scores.end()};
  }

  std::map<std::string, std::string> files() const override { return {{std::string(kModelFile), bytes_}}; }

  // The scores before the link function, rows x outputs.
  std::vector<float> margins(const data::Matrix& features) const {
    const auto scores = booster_.margins(features.values.data(), features.rows, features.columns);
    if (scores.size() != features.rows * outputs_) throw DataError("the model gives another number of scores a row");
    return {scores.begin(), scores.end()};
  }
  const std::string& bytes() const { return bytes_; }
  bool is_dart() const { return booster_.kind() == "dart"; }
  int parallel_trees() const { return booster_.parallel_trees(); }

  std::map<std::string, double> importances() const override {
    const auto gains = booster_.total_gain();
    double sum = 0;
    for (const auto& [column, gain] : gains) sum += gain;
    std::map<std::string, double> shares;
    if (!(sum > 0) || !std::isfinite(sum)) return shares;
    for (const auto& [column, gain] : gains) shares[names_.at(column)] = gain / sum;
    return shares;
  }

 private:
  std::string bytes_;
  xgboost::Booster booster_;
  std::size_t outputs_;
  std::vector<std::string> names_;
};

const std::string& model_file(const std::map<std::string, std::string>& files) {
  const auto file = files.find(std::string(kModelFile));
  if (file == files.end() || files.size() != 1) {
    throw DataError("an xgboost model is one file, " + std::string(kModelFile) + "; there are " +
                    std::to_string(files.size()));
  }
  return file->second;
}

// The model to continue from; nullptr: from nothing.
std::unique_ptr<XgboostModel> open_previous(const TrainingJob& job, const std::map<std::string, std::string>& params) {
  if (job.previous.empty()) return nullptr;
  const std::string hint = "train from nothing: set training.warm_start = false";
  const auto booster = params.find("booster");
  std::unique_ptr<XgboostModel> previous;
  try {
    previous = std::make_unique<XgboostModel>(model_file(job.previous), job);
  } catch (const DataError& error) {
    throw DataError("the previous model cannot be continued: " + std::string(error.what()), hint);
  }
  if (previous->is_dart() || (booster != params.end() && booster->second == "dart")) {
    throw DataError(
        "the previous model cannot be continued: booster = \"dart\" drops trees that are there already and "
        "weighs them anew",
        hint + ", or use gbtree");
  }
  // The library would grow as many as the previous model has, and say nothing.
  const double trees = number(params, "num_parallel_tree").value_or(1);
  if (trees != static_cast<double>(previous->parallel_trees())) {
    throw DataError("the previous model cannot be continued: it has num_parallel_tree = " +
                        std::to_string(previous->parallel_trees()) + ", and params ask for " + format_number(trees),
                    hint);
  }
  return previous;
}

// What the library's margins of the rows lack of the previous model's own: it scores a quantile matrix by its bins, and
// the previous model's trees were cut at the bins of other rows. Its new trees are cut at these bins, and add exactly.
std::vector<float> missing_margins(const XgboostModel& previous, const TrainingSet& set,
                                   std::span<const float> margins) {
  std::vector<float> missing;
  for (std::size_t begin = 0; begin < set.features.rows; begin += kPieceRows) {
    const std::size_t end = std::min(set.features.rows, begin + kPieceRows);
    const std::vector<float> some = previous.margins(features_of(set, begin, end));
    missing.insert(missing.end(), some.begin(), some.end());
  }
  if (missing.size() != margins.size()) throw std::logic_error("a continued model that scores as another does");
  for (std::size_t i = 0; i < missing.size(); ++i) missing[i] -= margins[i];
  return missing;
}

// How long the library's own calls take, where the job has a clock. What a call of ours inside one of them takes is not
// the library's.
class LibraryTime {
 public:
  explicit LibraryTime(const TrainingJob& job) : job_(job) {}

  template <class Call>
  decltype(auto) of(const Call& call) {
    const Lap lap(*this, 1);
    return call();
  }
  template <class Call>
  decltype(auto) less(const Call& call) {
    const Lap lap(*this, -1);
    return call();
  }
  void tell() const {
    if (job_.clock && job_.on_library_time) job_.on_library_time(sum_);
  }

 private:
  struct Lap {
    Lap(LibraryTime& all, int weight) : whole(all), sign(weight), began(all.now()) {}
    ~Lap() { whole.sum_ += sign * (whole.now() - began); }
    Lap(const Lap&) = delete;
    Lap& operator=(const Lap&) = delete;
    LibraryTime& whole;
    int sign;
    Duration began;
  };
  Duration now() const { return job_.clock ? job_.clock() : Duration::zero(); }

  const TrainingJob& job_;
  Duration sum_ = Duration::zero();
};

}  // namespace

std::unique_ptr<Model> XgboostTrainer::train(const TrainingSet& set, const TrainingJob& job) const {
  check_training_set(set, job);
  const auto params = library_params(set, job);
  const int max_bin = bins(params);
  const auto positive_weight = static_cast<float>(number(params, "scale_pos_weight").value_or(1.0));
  const auto previous = open_previous(job, params);

  LibraryTime library(job);
  std::string bytes;
  {
    xgboost::take_warnings();
    const bool quantile = params.at("tree_method") == "hist";
    const xgboost::TrainingMatrix::Piece piece = [&](std::size_t begin, std::size_t end) {
      return library.less([&] { return features_of(set, begin, end); });
    };
    const auto matrix = library.of([&] {
      return std::make_unique<xgboost::TrainingMatrix>(set.features.rows, piece, job.features, quantile, max_bin,
                                                       job.threads);
    });
    xgboost::Booster booster =
        previous ? xgboost::Booster(*matrix, previous->bytes(), params) : xgboost::Booster(*matrix, params);
    Gradients gradients;
    std::vector<float> missing;
    std::vector<float> whole;
    for (int round = 1; round <= job.rounds; ++round) {
      auto margins = library.of([&] { return booster.training_margins(*matrix); });
      if (round == 1) report(xgboost::take_warnings(), job);
      if (previous) {
        if (round == 1) missing = missing_margins(*previous, set, margins);
        whole.resize(margins.size());
        std::transform(margins.begin(), margins.end(), missing.begin(), whole.begin(), std::plus<>());
        margins = whole;
      }
      differentiate(job.task, job.classes, set.labels, set.weights, margins, positive_weight, gradients,
                    static_cast<std::size_t>(job.threads));
      library.of([&] { booster.boost(*matrix, gradients.first, gradients.second); });
      if (job.on_progress) {
        job.on_progress(
            {static_cast<std::uint64_t>(round), static_cast<std::uint64_t>(job.rounds), ProgressUnit::rounds});
      }
    }
    report(xgboost::take_warnings(), job);
    bytes = library.of([&] { return booster.save(); });
  }
  library.tell();
  // What scores from here on is what the artifact will hold, not the booster that happens to be in memory.
  return std::make_unique<XgboostModel>(std::move(bytes), job);
}

std::unique_ptr<Model> XgboostTrainer::load(const std::map<std::string, std::string>& files,
                                            const TrainingJob& job) const {
  return std::make_unique<XgboostModel>(model_file(files), job);
}

std::string XgboostTrainer::version() const {
  return xgboost::library_version();
}

}  // namespace retraind::train
