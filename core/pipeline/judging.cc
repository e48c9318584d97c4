#include "core/pipeline/judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/error.h"
#include "core/data/row_weights.h"
#include "core/pipeline/alignment.h"
#include "core/pipeline/metric_options.h"

namespace retraind::pipeline {
namespace {

// Class indices of the labels among `classes`; -1 for a label that is not there.
std::vector<double> labels_among(const data::Table& table, std::size_t begin, std::size_t end,
                                 const std::vector<std::string>& classes) {
  std::vector<double> places;
  for (const std::string& level : table.label.levels) {
    const auto found = std::find(classes.begin(), classes.end(), level);
    places.push_back(found == classes.end() ? -1.0 : static_cast<double>(found - classes.begin()));
  }
  std::vector<double> out;
  for (std::size_t row = begin; row < end; ++row)
    out.push_back(places.at(static_cast<std::size_t>(table.label.values[row])));
  return out;
}

bool asks_the_same(const data::Preparation& candidate, const data::Preparation& other) {
  return candidate.task() == other.task() &&
         (candidate.task() != Task::binary || candidate.classes() == other.classes());
}

std::string other_question(int version) {
  return fmt::format("version {} answers another question (its task or its classes differ), so no rows can judge both",
                     version);
}

// Gates name columns; each is cut once, for the most levels that any gate asks for.
std::vector<evaluate::SliceColumn> slices_of(const data::Table& table, std::size_t begin, std::size_t end,
                                             const settings::Validation& validation) {
  std::map<std::string, std::size_t> levels;
  for (const settings::Gate& gate : validation.gates) {
    if (gate.slices) levels[gate.slices->column] = std::max(levels[gate.slices->column], gate.slices->levels);
  }
  std::vector<evaluate::SliceColumn> out;
  for (const auto& [column, most] : levels) {
    if (auto cut = data::slice_rows(table, begin, end, column, most)) {
      out.push_back({.column = column, .levels = std::move(cut->levels), .values = std::move(cut->values)});
    }
  }
  return out;
}

}  // namespace

void require_same_axis(const data::Table& table, const JobVersion& version) {
  if (version.axis == table.axis) return;
  throw DataError(fmt::format("version {} was trained on another kind of time than the time column holds now, so that "
                              "nothing says which rows it has seen",
                              version.version),
                  "cast the time column back in the query, or give the model a name of its own");
}

std::size_t first_row_fresh_for_all(const data::Table& table, const data::Split& split, const Opponents& opponents,
                                    const std::optional<std::string>& held_out, Duration embargo) {
  std::size_t first = split.holdout_begin;
  for (const std::optional<OpenVersion>* open : {&opponents.opponent, &opponents.anchor}) {
    if (!*open) continue;
    const JobVersion& version = (*open)->version;
    require_same_axis(table, version);
    if (held_out && version.entity == held_out) continue;
    first = std::max(first, data::first_fresh_row(table, split, stale_to(version.trained_to, embargo)));
  }
  return first;
}

EventTime stale_to(EventTime trained_to, Duration embargo) {
  if (embargo <= Duration::zero()) return trained_to;
  return std::nextafter(trained_to + static_cast<double>(embargo.count()), trained_to);
}

void require_same_question(Opponents& opponents, const data::Preparation& candidate) {
  if (opponents.anchor && !asks_the_same(candidate, opponents.anchor->scorer.preparation)) {
    opponents.anchor_fault = other_question(opponents.anchor->version.version);
    opponents.anchor.reset();
  }
  if (!opponents.opponent || asks_the_same(candidate, opponents.opponent->scorer.preparation)) return;
  if (!opponents.stands_in) {
    throw DataError("production " + other_question(opponents.opponent->version.version),
                    "give the new question a model name of its own");
  }
  opponents.opponent.reset();
  opponents.stands_in = false;
}

evaluate::Holdout make_holdout(const data::Table& table, std::size_t begin, std::size_t end,
                               const data::Preparation& candidate, std::vector<double> predictions,
                               const Opponents& opponents, const std::vector<float>& training_labels,
                               const settings::Model& model, PredictionTime* time) {
  evaluate::Holdout out;
  out.task = candidate.task();
  const auto predict = [&](const OpenVersion& version) { return version.scorer.predict(table, begin, end, time); };
  std::vector<std::string> classes = candidate.classes();
  for (const std::optional<OpenVersion>* open : {&opponents.opponent, &opponents.anchor}) {
    if (*open && out.task == Task::multiclass) classes = union_of(classes, (*open)->scorer.preparation.classes());
  }
  const auto onto_all = [&](std::vector<double> own, const std::vector<std::string>& known) {
    return out.task == Task::multiclass ? spread(own, known, classes) : std::move(own);
  };
  out.classes = classes.size();
  out.class_names = classes;
  out.labels =
      out.task == Task::multiclass ? labels_among(table, begin, end, classes) : candidate.labels(table, begin, end);
  if (opponents.opponent) {
    out.opponent = onto_all(predict(*opponents.opponent), opponents.opponent->scorer.preparation.classes());
  } else {
    out.opponent = onto_all(evaluate::baseline_predictions(out.task, candidate.classes().size(),
                                                           model.validation.metric, training_labels, end - begin),
                            candidate.classes());
  }
  if (opponents.anchor)
    out.anchor = onto_all(predict(*opponents.anchor), opponents.anchor->scorer.preparation.classes());
  out.candidate = onto_all(std::move(predictions), candidate.classes());
  const settings::Cluster& cluster = model.validation.cluster;
  out.clusters = data::cluster_rows(table, begin, end, cluster);
  out.rows_are_independent = std::holds_alternative<settings::ClusterNone>(cluster);
  out.weights = data::row_weights(table, begin, end);
  out.options = metric_options(model.validation, classes);
  out.slices = slices_of(table, begin, end, model.validation);
  out.threads = static_cast<std::size_t>(model.training.threads);
  return out;
}

std::vector<evaluate::SignatureColumn> signature_of(const data::Preparation& preparation) {
  std::vector<evaluate::SignatureColumn> out;
  for (const data::PreparedFeature& feature : preparation.features()) {
    out.push_back({.name = feature.name, .type = std::string(data::to_text(feature.type))});
  }
  return out;
}

}  // namespace retraind::pipeline
