#pragma once
// What every trainer does, whatever library is behind it. Trainers run only inside a worker process, never in the
// daemon: a library may crash, hang or eat memory there without harm. They see features and training labels, never the
// labels of the holdout, and they compute no metric that anybody decides by.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/data/preparation.h"
#include "core/settings/settings.h"

namespace retraind::train {

struct TrainingSet {
  // Where `piece` is set, `features` says how many rows and columns there are and holds no values.
  data::Matrix features;
  std::vector<float> labels;  // regression value, or class index
  // How much each row counts, >= 0 and finite: a row of weight 2 as two such rows. Empty: each 1, and so the very model
  // of weights that are all 1. They are not scaled: what the library weighs against them (lambda, min_child_weight) is
  // in their unit. Rows are drawn (subsample) and binned (hist) one by one, whatever they weigh.
  std::vector<float> weights;
  // Makes the features of rows [begin, end), so that the matrix never stands in memory as a whole beside the table it
  // is made from. Asked several times for the same rows, always with the same answer.
  std::function<data::Matrix(std::size_t begin, std::size_t end)> piece{};
};

// How far a training has come.
struct Progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: not known
  ProgressUnit unit = ProgressUnit::rounds;
};

struct TrainingJob {
  Task task = Task::binary;
  std::vector<data::PreparedFeature> features;  // names, and which columns are categories
  std::size_t classes = 0;                      // binary: 2; multiclass: the number of classes; regression: 0
  std::vector<std::string> class_labels;        // class index -> label; empty for regression
  std::string label = "label";                  // the names of the columns beside the features
  std::string weight = "weight";
  int rounds = 100;
  std::map<std::string, settings::Parameter> params;
  std::uint64_t seed = 1;
  int threads = 1;
  // The files of a model to continue from, by the same trainer, for the same features, levels and classes; empty: from
  // nothing. Throws DataError where the trainer cannot.
  std::map<std::string, std::string> previous;
  // What a command may take.
  Duration timeout = std::chrono::minutes(30);
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  std::filesystem::path folder = ".";  // private to the worker: a command's files go into folders below it
  // What the time so far is, for whoever wants to know how much of it the library takes. May be empty.
  std::function<Duration()> clock{};
  // Each may be empty. Called in the thread that trains, while it trains.
  std::function<void(const Progress& progress)> on_progress;
  std::function<void(std::string_view line)> on_warning;  // what the library or the command warns of
  std::function<void(std::string_view line)> on_output;   // every line that a command prints, for the run's log
  // How long the library's own calls took, at the end of a training. Not called without a clock.
  std::function<void(Duration took)> on_library_time{};
};

// A trained model. Not thread-safe.
class Model {
 public:
  virtual ~Model() = default;
  // rows values for regression and binary (probability of class 1), rows x classes, row-major, for multiclass.
  // Throws DataError when the number of columns is not the one trained on, or a prediction is not finite.
  virtual std::vector<double> predict(const data::Matrix& features) const = 0;
  // The model's files, by name, in their library's own format: what goes into the artifact. Deterministic.
  virtual std::map<std::string, std::string> files() const = 0;
  // Each feature's share of what the splits on it improved the training loss by; the shares sum to 1, and features
  // without a split are absent. Empty when the model has no split or its trainer cannot tell.
  virtual std::map<std::string, double> importances() const { return {}; }
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  // The same set, job and library version give the same bytes, whatever `threads` is. Throws DataError for a parameter
  // the library refuses, with its own words, for no rows, and for weights that are all 0.
  virtual std::unique_ptr<Model> train(const TrainingSet& set, const TrainingJob& job) const = 0;
  // Throws DataError when the files cannot be loaded.
  virtual std::unique_ptr<Model> load(const std::map<std::string, std::string>& files,
                                      const TrainingJob& job) const = 0;
  // "xgboost 1.7.4", "command 1f0c99d2a4b7": for the lineage.
  virtual std::string version() const = 0;
  // The SHA-256 of each file that the result depends on, by its path; empty where version() says it all.
  virtual std::map<std::string, std::string> program_files() const { return {}; }
};

// "xgboost" or "command"; `command` are the programs of the latter. Throws ConfigError for a name that is not a trainer
// and for a command without programs.
std::unique_ptr<Trainer> make_trainer(std::string_view name, const settings::Command& command = {});

}  // namespace retraind::train
