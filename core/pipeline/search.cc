#include "core/pipeline/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>
#include <set>
#include <stdexcept>
#include <utility>
#include <variant>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/vocabulary.h"
#include "core/data/row_order.h"
#include "core/data/row_weights.h"
#include "core/data/split.h"
#include "core/pipeline/candidate.h"
#include "core/pipeline/metric_options.h"
#include "core/stats/metrics.h"
#include "core/train/training_set.h"

namespace retraind::pipeline {
namespace {

using Params = std::map<std::string, settings::Parameter>;

constexpr const char* kRounds = "rounds";
constexpr std::int64_t kMostRounds = 100000;             // of training.rounds
constexpr std::uint64_t kSearchStream = 0x736561726368;  // "search"

// The values of one parameter, each once.
struct Axis {
  std::string name;
  std::vector<settings::Parameter> values;
};

std::vector<Axis> axes_of(const settings::Search& search) {
  std::vector<Axis> out;
  for (const auto& [name, values] : search.params) {
    Axis axis{name, {}};
    for (const settings::Parameter& value : values) {
      if (std::find(axis.values.begin(), axis.values.end(), value) == axis.values.end()) axis.values.push_back(value);
    }
    if (axis.values.empty()) throw std::logic_error("a parameter to search over without a value");
    out.push_back(std::move(axis));
  }
  return out;
}

// A combination: for each axis the place of its value. In lexicographic order the last axis varies fastest.
using Places = std::vector<std::size_t>;

bool has_at_most(const std::vector<Axis>& axes, std::size_t most) {
  std::size_t count = 1;
  for (const Axis& axis : axes) {
    if (axis.values.size() > most / count) return false;
    count *= axis.values.size();
  }
  return true;
}

std::set<Places> whole_grid(const std::vector<Axis>& axes) {
  std::set<Places> out;
  Places places(axes.size(), 0);
  for (;;) {
    out.insert(places);
    std::size_t axis = axes.size();
    while (axis > 0 && places[axis - 1] + 1 == axes[axis - 1].values.size()) places[--axis] = 0;
    if (axis == 0) return out;
    ++places[axis - 1];
  }
}

// Each combination as likely as any other: one that was drawn before is drawn again.
std::set<Places> drawn(const std::vector<Axis>& axes, std::size_t count, std::uint64_t seed) {
  Random random(mix_seed(seed, kSearchStream));
  std::set<Places> out;
  while (out.size() < count) {
    Places places;
    for (const Axis& axis : axes) places.push_back(static_cast<std::size_t>(random.below(axis.values.size())));
    out.insert(std::move(places));
  }
  return out;
}

// The rows that trials are trained on, and those they are measured on.
struct Inner {
  const data::Table* table = nullptr;
  std::unique_ptr<data::Table> reordered;  // what `table` points to where entities are held out
  RowRange train;
  RowRange holdout;
};

// Only what a split in time looks at.
data::Table times_of(const data::Table& table, RowRange rows) {
  data::Table out;
  out.rows = rows.end - rows.begin;
  out.axis = table.axis;
  out.event_times.assign(table.event_times.begin() + static_cast<std::ptrdiff_t>(rows.begin),
                         table.event_times.begin() + static_cast<std::ptrdiff_t>(rows.end));
  return out;
}

Inner split_in_time(const data::Table& table, RowRange rows, const settings::Training& training) {
  const data::Split split =
      data::split_by_time(times_of(table, rows), settings::HoldoutShare{training.search->share}, training.embargo);
  Inner out;
  out.table = &table;
  out.train = {rows.begin + split.train_begin, rows.begin + split.train_end};
  out.holdout = {rows.begin + split.holdout_begin, rows.begin + split.holdout_end};
  return out;
}

Inner split_by_entities(const data::Table& table, RowRange rows, double share) {
  if (table.entities.size() != table.rows) throw std::logic_error("rows to search on that carry no entities");
  std::set<std::uint64_t> entities;
  for (std::size_t row = rows.begin; row < rows.end; ++row) entities.insert(table.entities[row]);
  if (entities.size() < 2) {
    throw DataError(fmt::format("all {} rows to train on are of one entity", rows.end - rows.begin),
                    "widen training.window for more entities, or leave training.search out");
  }
  const auto wanted = static_cast<std::size_t>(share * static_cast<double>(entities.size()) + 0.5);
  const std::size_t held_out = std::clamp<std::size_t>(wanted, 1, entities.size() - 1);
  const std::uint64_t last = *std::next(entities.begin(), static_cast<std::ptrdiff_t>(held_out - 1));

  std::vector<std::uint32_t> order(table.rows);
  std::iota(order.begin(), order.end(), 0U);
  const auto begin = order.begin() + static_cast<std::ptrdiff_t>(rows.begin);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(rows.end);
  const auto middle = std::stable_partition(begin, end, [&](std::uint32_t row) { return table.entities[row] > last; });
  Inner out;
  out.reordered = std::make_unique<data::Table>(table);
  data::reorder_rows(*out.reordered, order);
  out.table = out.reordered.get();
  out.train = {rows.begin, static_cast<std::size_t>(middle - order.begin())};
  out.holdout = {out.train.end, rows.end};
  return out;
}

// Without the weights of classes that are not among the rows the trials are trained on.
settings::Training without_unknown(settings::Training training, const std::vector<std::string>& classes) {
  if (auto* weights = std::get_if<std::map<std::string, double>>(&training.class_weights)) {
    std::erase_if(*weights, [&](const auto& entry) {
      return std::find(classes.begin(), classes.end(), entry.first) == classes.end();
    });
  }
  return training;
}

// The metric's options, without the costs of classes that the trials do not know: rows of such a class cost the most.
stats::MetricOptions options_for(settings::Validation validation, const std::vector<std::string>& classes) {
  const auto unknown = [&](const auto& entry) {
    return std::find(classes.begin(), classes.end(), entry.first) == classes.end();
  };
  std::erase_if(validation.costs, unknown);
  for (auto& [actual, row] : validation.costs) std::erase_if(row, unknown);
  return metric_options(validation, classes);
}

// The rows of all trials, made ready once.
struct Ground {
  data::Preparation preparation;
  train::TrainingSet set;
  data::Matrix features;  // of the inner holdout, as its labels and weights
  std::vector<double> labels;
  std::vector<double> weights;
  stats::MetricOptions options;
};

Ground make_ground(const Inner& inner, const settings::Model& model) {
  Ground out;
  std::vector<std::string> warnings;  // said of the whole rows already
  out.preparation = data::Preparation::fit(*inner.table, inner.train.begin, inner.train.end, model, warnings);
  out.set = training_set(*inner.table, inner.train, out.preparation,
                         without_unknown(model.training, out.preparation.classes()))
                .set;
  // All trials train on the same rows, so these are made once.
  out.set.features = train::features_of(out.set, 0, out.set.features.rows);
  out.set.piece = {};
  out.features = out.preparation.apply(*inner.table, inner.holdout.begin, inner.holdout.end);
  out.labels = out.preparation.labels(*inner.table, inner.holdout.begin, inner.holdout.end);
  out.weights = data::row_weights(*inner.table, inner.holdout.begin, inner.holdout.end);
  if (out.preparation.task() != Task::regression) {
    out.options = options_for(model.validation, out.preparation.classes());
  } else {
    out.options = metric_options(model.validation, {});
  }
  return out;
}

int rounds_of(const settings::Parameter& value) {
  const auto* rounds = std::get_if<std::int64_t>(&value);
  if (rounds == nullptr || *rounds < 1 || *rounds > kMostRounds) {
    throw DataError(fmt::format("rounds must be a whole number from 1 to {}", kMostRounds));
  }
  return static_cast<int>(*rounds);
}

// What is varied, in the places of what is configured.
void set_params(const Params& varied, int& rounds, Params& params) {
  for (const auto& [name, value] : varied) {
    if (name == kRounds) {
      rounds = rounds_of(value);
    } else {
      params[name] = value;
    }
  }
}

train::TrainingJob job_for(const train::TrainingJob& base, const data::Preparation& preparation) {
  train::TrainingJob job = base;
  job.task = preparation.task();
  job.features = preparation.features();
  job.classes = preparation.classes().size();
  job.class_labels = preparation.classes();
  // A model to continue from may have seen the inner holdout, and it has levels and classes of its own.
  job.previous.clear();
  job.on_progress = {};
  job.on_warning = {};
  return job;
}

std::optional<double> measure(const train::Model& model, const Ground& ground, Metric metric) {
  const std::vector<double> predictions = model.predict(ground.features);
  return stats::evaluate(metric, {.task = ground.preparation.task(),
                                  .classes = ground.preparation.classes().size(),
                                  .labels = ground.labels,
                                  .predictions = predictions,
                                  .weights = ground.weights,
                                  .options = ground.options});
}

}  // namespace

std::vector<Params> combinations(const settings::Search& search, std::uint64_t seed) {
  if (search.trials < 1) throw std::logic_error("a search without a trial");
  const std::vector<Axis> axes = axes_of(search);
  const auto most = static_cast<std::size_t>(search.trials);
  std::vector<Params> out;
  for (const Places& places : has_at_most(axes, most) ? whole_grid(axes) : drawn(axes, most, seed)) {
    Params params;
    for (std::size_t i = 0; i < axes.size(); ++i) params[axes[i].name] = axes[i].values[places[i]];
    out.push_back(std::move(params));
  }
  return out;
}

SearchResult search_params(const data::Table& table, std::size_t begin, std::size_t end, const settings::Model& model,
                           const train::TrainingJob& base, const std::function<Duration()>& clock,
                           const std::function<void(const train::Progress&)>& on_progress) {
  if (begin > end || end > table.rows) throw std::logic_error("rows to search on that the table does not have");
  const settings::Training& training = model.training;
  if (!training.search) throw std::logic_error("a search that is not configured");
  const Metric metric = model.validation.metric;
  if (!is_ordered(metric)) throw std::logic_error("a search by a metric that is not ordered");

  SearchResult out;
  out.training = training;
  const auto trainer = train::make_trainer(training.trainer, training.command);
  const auto tried = combinations(*training.search, training.seed);
  const auto tell = [&](std::size_t done) {
    if (on_progress) on_progress({.done = done, .total = tried.size(), .unit = ProgressUnit::steps});
  };
  tell(0);

  Inner inner;
  Ground ground;
  try {
    inner = training.entity ? split_by_entities(table, {begin, end}, training.search->share)
                            : split_in_time(table, {begin, end}, training);
    ground = make_ground(inner, model);
  } catch (const DataError& error) {
    throw DataError(fmt::format("the training rows cannot be cut in two for training.search: {}", error.what()),
                    error.hint());
  }

  std::optional<std::size_t> best;
  const Duration searched_since = clock();
  for (const Params& params : tried) {
    SearchTrial trial;
    trial.number = static_cast<int>(out.trials.size()) + 1;
    trial.params = params;
    trial.train_rows = ground.set.features.rows;
    trial.rows = ground.features.rows;
    const Duration began = clock();
    try {
      train::TrainingJob job = job_for(base, ground.preparation);
      // `base` has the time that was left before the first trial, and the trials share it.
      job.timeout = std::max<Duration>(base.timeout - (began - searched_since), std::chrono::milliseconds(100));
      set_params(params, job.rounds, job.params);
      const auto trained = trainer->train(ground.set, job);
      trial.seconds = std::chrono::duration<double>(clock() - began).count();
      trial.value = measure(*trained, ground, metric);
      // Nothing compares with NaN: the first such trial would stay the best.
      if (trial.value && !std::isfinite(*trial.value)) trial.value.reset();
      if (!trial.value) trial.fault = fmt::format("{} is not defined on the {} rows", to_text(metric), trial.rows);
    } catch (const DataError& error) {
      if (trial.seconds == 0) trial.seconds = std::chrono::duration<double>(clock() - began).count();
      trial.fault = error.what();
    }
    const std::optional<double> bar = best ? out.trials[*best].value : std::nullopt;
    if (trial.value && (!bar || (higher_is_better(metric) ? *trial.value > *bar : *trial.value < *bar))) {
      best = out.trials.size();
    }
    out.trials.push_back(std::move(trial));
    tell(out.trials.size());
  }
  if (!best) {
    const bool only = tried.size() == 1;
    const std::string which = only ? "the only trial" : fmt::format("all {} trials", tried.size());
    const std::string why =
        fmt::format("{} of training.search failed{}: {}", which, only ? "" : "; the first", out.trials.front().fault);
    throw SearchFailed(why, "correct training.search, or leave it out", std::move(out.trials));
  }
  SearchTrial& chosen = out.trials[*best];
  chosen.chosen = true;
  set_params(chosen.params, out.training.rounds, out.training.params);
  return out;
}

}  // namespace retraind::pipeline
