#pragma once
// A small search over a trainer's parameters (training.search): every combination, or some drawn by the seed, is
// trained on the older part of the training rows and measured on the newer part; the holdout is never looked at. In a
// worker only. One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/data/preparation.h"
#include "core/data/table.h"
#include "core/settings/settings.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {

struct SearchTrial {
  int number = 0;                                     // from 1, in the order they were made
  std::map<std::string, settings::Parameter> params;  // those that were varied
  std::optional<double> value;  // of the validation metric, on the inner holdout; absent: it failed
  std::string fault;            // why
  std::uint64_t train_rows = 0;
  std::uint64_t rows = 0;  // measured on
  double seconds = 0;      // taken by the training, for people only
  bool chosen = false;
};

// No trial has a value; the trials say why.
class SearchFailed : public DataError {
 public:
  SearchFailed(const std::string& message, const std::string& hint, std::vector<SearchTrial> trials)
      : DataError(message, hint), trials_(std::move(trials)) {}
  std::vector<SearchTrial> trials() const { return trials_; }

 private:
  std::vector<SearchTrial> trials_;
};

struct SearchResult {
  settings::Training training;  // with the chosen rounds and params in it
  std::vector<SearchTrial> trials;
};

// The combinations to try, in order: the whole grid, keys and values as they stand in the configuration, the last key
// varying fastest; or `trials` distinct ones of a larger grid, drawn by the seed.
std::vector<std::map<std::string, settings::Parameter>> combinations(const settings::Search& search,
                                                                     std::uint64_t seed);

// Searches on rows [begin, end) of a table in the order of its split: the inner holdout are the newest `search.share`
// of them in time (whole event times; rows within training.embargo before it are left out) or, where entities are held
// out, the entities with the smallest hashes among the rest, to about that share (at least one, and not all; the table
// is then copied for as long as the search takes). Everything is learned from the older part alone: levels, classes,
// which rows are kept and what they weigh. Each trial begins from nothing, whatever base.previous holds: production may
// have seen the newer part. The trainer, its threads, limits and folder are those of `base`; its warnings are not told
// again. The metric, its options and the weights of the rows are the validation's.
//
// Ties go to the earlier trial. A trial that throws DataError, or on whose rows the metric is not defined, is recorded
// and passed over; all of them failing is a SearchFailed, and a range that cannot be cut in two a
// DataError. `clock` is a steady
// one. `on_progress` (it may be empty) is told of each trial that is done, in steps, and once before the first.
SearchResult search_params(const data::Table& table, std::size_t begin, std::size_t end, const settings::Model& model,
                           const train::TrainingJob& base, const std::function<Duration()>& clock,
                           const std::function<void(const train::Progress&)>& on_progress);

}  // namespace retraind::pipeline
