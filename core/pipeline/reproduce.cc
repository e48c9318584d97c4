#include "core/pipeline/reproduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <set>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/data/digest.h"
#include "core/data/schema.h"
#include "core/data/split.h"
#include "core/pipeline/candidate.h"
#include "core/pipeline/extraction.h"
#include "core/pipeline/kept_data.h"
#include "core/source/source.h"
#include "core/train/artifact.h"

namespace retraind::pipeline {
namespace {

constexpr const char* kPreparationFile = "preparation.json";
// So many rows are held as a matrix beside the table.
constexpr std::size_t kRowsToPredict = 1000000;

// "day number(double precision)": the column as a feature stands in a schema text.
std::string as_feature(const data::SourceColumn& column) {
  data::Roles roles;
  roles.time = roles.label = 1;
  roles.features = {0};
  return data::describe({column}, roles);
}

// A run may read more columns than its model needs: those of the version it was judged against.
data::Roles roles_of(const std::vector<data::SourceColumn>& columns, const settings::Model& model,
                     const std::string& schema) {
  data::Roles roles = data::assign_roles(columns, model);
  if (data::describe(columns, roles) == schema) return roles;
  const std::string bounded = ", " + schema + ", ";
  const std::vector<std::size_t> order = data::read_order(roles);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (std::find(order.begin(), order.end(), i) != order.end()) continue;
    if (bounded.find(", " + as_feature(columns[i]) + ", ") != std::string::npos) roles.features.push_back(i);
  }
  std::sort(roles.features.begin(), roles.features.end());
  return roles;
}

// The same where the rows are those that were kept, which are all that was read.
settings::Model with_kept_features(const settings::Model& model, const std::filesystem::path& file) {
  settings::Model out = model;
  if (model.features.empty()) return out;
  std::vector<data::SourceColumn> columns;
  for (const KeptColumn& kept : kept_columns(file)) {
    const bool known = std::any_of(columns.begin(), columns.end(),
                                   [&](const data::SourceColumn& column) { return column.name == kept.column.name; });
    if (!known) columns.push_back(kept.column);
  }
  const std::vector<std::size_t> order = data::read_order(data::assign_roles(columns, model));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (std::find(order.begin(), order.end(), i) == order.end()) out.features.push_back(columns[i].name);
  }
  return out;
}

std::string sentence_of(const Error& error) {
  return error.message_with_hint();
}

class Reproducer {
 public:
  Reproducer(const VersionToReproduce& version, const settings::Source* source, const std::filesystem::path& folder,
             const ReproduceWishes& wishes)
      : version_(version), source_(source), folder_(folder), wishes_(wishes), model_(version.model) {
    const Lineage& lineage = version.lineage;
    settings::Training& training = model_.training;
    // Lineages of earlier releases do not have them: nothing was chosen by then.
    if (lineage.rounds > 0) {
      training.rounds = lineage.rounds;
      training.params = lineage.params;
    }
    training.seed = lineage.seed;
    training.search.reset();
    if (wishes.threads) training.threads = *wishes.threads;
    found_.model = version.model.name;
    found_.version = version.version;
    found_.trainer = lineage.trainer;
    found_.by_predictions = training.trainer == "command";
    found_.rows_then = lineage.rows;
    found_.data_then = version.data_sha256;
    found_.artifact_then = version.artifact_sha256;
    found_.had_kept = version.kept_data.has_value();
  }

  Reproduction run() {
    if (!wishes_.kept) ask_source();
    take_rows();
    compare_programs();
    if (found_.used != RowsUsed::none) make_again();
    return std::move(found_);
  }

 private:
  void ask_source() {
    found_.asked_source = true;
    if (source_ == nullptr) {
      found_.changes.push_back(
          fmt::format("the rows cannot be read: the source \"{}\" is not configured here", model_.source));
      return;
    }
    try {
      source::SourceReader reader(*source_, "retraind reproduce");
      const auto columns = reader.describe(version_.lineage.query, model_.features);
      settings::Model as_then = model_;
      as_then.query = version_.lineage.query;
      const data::Roles roles = roles_of(columns, as_then, version_.lineage.schema);
      if (const TimeAxis axis = data::time_axis(columns[roles.time].type); axis != version_.lineage.extent.axis) {
        throw DataError(fmt::format("the time column \"{}\" is of the type {} now", columns[roles.time].name,
                                    columns[roles.time].sql_type));
      }
      rows_ = extract_rows(reader, as_then, columns, roles, version_.lineage.extent,
                           {.keep = std::nullopt, .on_rows = wishes_.on_rows});
    } catch (const DataError& error) {
      found_.changes.push_back("the rows cannot be read: " + sentence_of(error));
      return;
    } catch (const TransientError& error) {
      if (!found_.had_kept) throw;
      found_.changes.push_back("the rows cannot be read: " + sentence_of(error));
      return;
    }
    found_.data_now = rows_->data_sha256;
    if (found_.data_now != found_.data_then) tell_changes();
  }

  void tell_changes() {
    const Lineage& lineage = version_.lineage;
    if (rows_->schema != lineage.schema) {
      found_.changes.push_back(fmt::format("the columns were {}", lineage.schema));
      found_.changes.push_back(fmt::format("and they are {}", rows_->schema));
    }
    if (!lineage.digest) {
      found_.changes.push_back(fmt::format(
          "{} rows were read then, {} now; which of them changed is not known: no digests were kept with the version",
          lineage.rows, rows_->stats.rows));
      return;
    }
    const std::vector<std::string> differences =
        data::differences(*lineage.digest, data::digest_of(rows_->table), rows_->extent.axis);
    found_.changes.insert(found_.changes.end(), differences.begin(), differences.end());
    if (found_.changes.empty()) {
      found_.changes.push_back(
          lineage.extent.sample_share < 1
              ? fmt::format("{} rows were read then, {} now; those that were sampled and trained on have not changed",
                            lineage.rows, rows_->stats.rows)
              : "neither the digest of a column nor that of a day has changed");
    }
  }

  // Decides what is trained on.
  void take_rows() {
    if (rows_ && found_.data_now == found_.data_then) {
      found_.used = RowsUsed::source;
    } else if (found_.had_kept) {
      try {
        rows_ = extract_kept(*version_.kept_data, with_kept_features(model_, *version_.kept_data),
                             version_.lineage.extent, version_.lineage.schema);
        found_.used = RowsUsed::kept;
      } catch (const DataError& error) {
        rows_.reset();
        found_.fault = "the rows kept with it cannot be read: " + sentence_of(error);
      }
    } else if (wishes_.kept) {
      found_.fault = "no rows were kept with it (training.keep_data)";
    } else if (rows_ && wishes_.anyway) {
      found_.used = RowsUsed::source;
    } else if (rows_) {
      found_.fault = "the rows at the source are not those it was made from; --anyway trains on them nevertheless";
    } else {
      found_.fault = "its rows cannot be read";
    }
    if (found_.used != RowsUsed::none) found_.data_used = rows_->data_sha256;
  }

  void compare_programs() {
    const Lineage& lineage = version_.lineage;
    const auto differs = [&](std::string_view who, const std::string& then, const std::string& now) {
      if (then != now) found_.programs.push_back(fmt::format("{} was {} and is {}", who, then, now));
    };
    differs("retraind", lineage.retraind, wishes_.retraind);
    try {
      const auto trainer = train::make_trainer(model_.training.trainer, model_.training.command);
      const std::map<std::string, std::string> files = trainer->program_files();
      // The version of a command is made of its files, which say more.
      if (files.empty() && lineage.program_files.empty()) differs("the trainer", lineage.trainer, trainer->version());
      for (const auto& [path, sha256] : lineage.program_files) {
        const auto now = files.find(path);
        if (now == files.end()) {
          found_.programs.push_back(path + " was part of the trainer and is not any more");
        } else if (now->second != sha256) {
          found_.programs.push_back(
              fmt::format("{} has changed: its sha256 was {} and is {}", path, sha256, now->second));
        }
      }
      for (const auto& [path, sha256] : files) {
        if (!lineage.program_files.contains(path))
          found_.programs.push_back(path + " is new, with the sha256 " + sha256);
      }
    } catch (const Error& error) {
      found_.programs.push_back("the trainer cannot be used: " + sentence_of(error));
    }
  }

  // The rows that were trained on. Puts the table into the order of the split.
  RowRange training_rows() {
    const settings::Training& training = model_.training;
    const data::Split split = training.entity ? data::split_by_entity(rows_->table, training.holdout)
                                              : data::split_by_time(rows_->table, training.holdout, training.embargo);
    const Lineage& lineage = version_.lineage;
    if (found_.same_data() && lineage.train_end > 0) {
      if (lineage.train_begin >= lineage.train_end || lineage.train_end > rows_->table.rows) {
        throw DataError(fmt::format("the lineage says that rows {} to {} of {} were trained on", lineage.train_begin,
                                    lineage.train_end, rows_->table.rows));
      }
      return {lineage.train_begin, lineage.train_end};
    }
    return {split.train_begin, lineage.refit ? split.holdout_end : split.train_end};
  }

  void make_again() {
    if (!version_.parent_fault.empty()) {
      found_.fault = version_.parent_fault;
      return;
    }
    try {
      const train::Artifact then = train::unpack(version_.artifact);
      const RowRange range = training_rows();
      std::vector<std::string> warnings;
      TrainingPlan plan{.rows = range,
                        .compare = {range.begin, std::min(range.end, range.begin + 1)},
                        .preparation = {},
                        .model = model_,
                        .previous = {},
                        .data_sha256 = found_.data_used,
                        .folder = folder_,
                        .on_progress = wishes_.on_progress};
      if (version_.parent_artifact.empty()) {
        plan.preparation = data::Preparation::fit(rows_->table, range.begin, range.end, model_, warnings);
      } else {
        // A model that goes on from another one sees its rows as that one did.
        train::Artifact parent = train::unpack(version_.parent_artifact);
        plan.preparation = std::move(parent.preparation);
        plan.previous = std::move(parent.model_files);
      }
      const std::string preparation = plan.preparation.to_json();
      const Candidate candidate = train_and_package(rows_->table, std::move(plan), warnings);
      found_.artifact_now = candidate.artifact_sha256;
      compare_files(then, preparation, candidate.scorer.model->files());
      if (found_.by_predictions || !found_.same_files()) compare_predictions(candidate.scorer);
    } catch (const Error& error) {
      found_.artifact_now.clear();
      found_.fault = "it could not be made again: " + sentence_of(error);
    }
  }

  void compare_files(const train::Artifact& then, const std::string& preparation,
                     const std::map<std::string, std::string>& now) {
    const auto hash = [](const std::map<std::string, std::string>& files, const std::string& name) {
      const auto found = files.find(name);
      return found == files.end() ? std::string() : to_hex(sha256(found->second));
    };
    std::set<std::string> names;
    for (const auto& [name, bytes] : then.model_files) names.insert(name);
    for (const auto& [name, bytes] : now) names.insert(name);
    for (const std::string& name : names) {
      found_.files.push_back({"model/" + name, hash(then.model_files, name), hash(now, name)});
    }
    found_.files.push_back({kPreparationFile, to_hex(sha256(then.preparation.to_json())), to_hex(sha256(preparation))});
  }

  void compare_predictions(const Scorer& now) {
    const Scorer then = open_artifact(model_, version_.artifact, folder_);
    PredictionComparison out;
    out.rows = rows_->table.rows;
    for (std::size_t begin = 0; begin < out.rows; begin += kRowsToPredict) {
      const std::size_t end = std::min<std::size_t>(out.rows, begin + kRowsToPredict);
      const std::vector<double> one = then.predict(rows_->table, begin, end);
      const std::vector<double> other = now.predict(rows_->table, begin, end);
      if (one.size() != other.size()) {
        throw DataError(fmt::format("the model says {} numbers of {} rows now, and said {}", other.size(), end - begin,
                                    one.size()));
      }
      const std::size_t width = one.size() / (end - begin);
      for (std::size_t row = 0; row < end - begin; ++row) {
        bool differs = false;
        for (std::size_t i = row * width; i < (row + 1) * width; ++i) {
          if (std::bit_cast<std::uint64_t>(one[i]) == std::bit_cast<std::uint64_t>(other[i])) continue;
          differs = true;
          out.largest = std::max(out.largest, std::fabs(one[i] - other[i]));
        }
        out.differ += differs ? 1 : 0;
      }
    }
    found_.predictions = out;
  }

  const VersionToReproduce& version_;
  const settings::Source* source_;
  const std::filesystem::path& folder_;
  const ReproduceWishes& wishes_;
  settings::Model model_;
  std::optional<Extraction> rows_;
  Reproduction found_;
};

}  // namespace

Reproduction reproduce(const VersionToReproduce& version, const settings::Source* source,
                       const std::filesystem::path& folder, const ReproduceWishes& wishes) {
  return Reproducer(version, source, folder, wishes).run();
}

}  // namespace retraind::pipeline
