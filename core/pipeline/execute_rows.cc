// The part of an execution that reads rows, and looks whether they are fit to be trained on.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/data/validation.h"
#include "core/evaluate/decide.h"
#include "core/pipeline/execution.h"
#include "core/pipeline/judging.h"
#include "core/pipeline/kept_data.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"

namespace retraind::pipeline {

namespace json = boost::json;

namespace {

// The rows are not fit to be trained on. `findings` of the execution say which and why.
class UnfitRows : public DataError {
 public:
  explicit UnfitRows(const std::vector<data::Finding>& findings)
      : DataError(data::why_stopped(findings), way_out(findings)) {}

 private:
  static std::string way_out(const std::vector<data::Finding>& findings) {
    const bool schema = std::any_of(findings.begin(), findings.end(), [](const data::Finding& finding) {
      return finding.stops && finding.kind == FindingKind::schema;
    });
    return schema ? "mend the query or the table; a change that is meant is accepted by data.schema = \"any\" for one "
                    "promotion"
                  : "retraind.data_finding_history has the SQL that shows the rows; data.on_break = \"warn\" trains on "
                    "them";
  }
};

bool any_stops(const std::vector<data::Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const data::Finding& finding) { return finding.stops; });
}

// What a candidate can continue from: a model by the same trainer that sees the same columns, knows the classes of all
// rows to train on, and has not seen those that are held out. Empty: it can, else why it cannot.
std::string why_not_continue(const Opponents& opponents, const settings::Model& model, const data::Preparation& fitted,
                             const std::optional<std::string>& held_out) {
  if (!opponents.opponent) return "there is no production model yet";
  if (opponents.stands_in) return "production does not load: " + opponents.production_fault;
  const Scorer& scorer = opponents.opponent->scorer;
  if (scorer.trainer != model.training.trainer) return "production was made by the trainer " + scorer.trainer;
  const auto changes = evaluate::compare_signatures(signature_of(fitted), signature_of(scorer.preparation));
  if (!changes.empty()) return "its features are other ones: " + changes.front();
  const std::vector<std::string>& known = scorer.preparation.classes();
  for (const std::string& label : fitted.classes()) {
    if (std::find(known.begin(), known.end(), label) == known.end()) {
      return fmt::format("it does not know the class \"{}\"", label);
    }
  }
  if (held_out && opponents.opponent->version.entity != held_out) {
    return "it was trained on entities that are held out";
  }
  return {};
}

}  // namespace

Extraction Execution::extract() {
  begin(Step::extract);
  const std::string application = fmt::format("retraind run {}", number(job_.run));
  source::SourceReader reader(source_, application);
  // Columns with a duty must be of a type that can be read; without a list of features all columns have one.
  std::vector<std::string> wanted = job_.model.features;
  if (!wanted.empty()) wanted.insert(wanted.end(), job_.model.data.unique.begin(), job_.model.data.unique.end());
  columns_ = reader.describe(job_.model.query, wanted);
  take_findings(data::validate_schema(columns_, job_.model, expectation()));
  roles_ = data::assign_roles(columns_, job_.model);
  require_columns(opponents_, columns_);
  add_features(opponents_, columns_, roles_);
  const data::SourceColumn& time_column = columns_[roles_.time];
  measured_.axis = data::time_axis(time_column.type);
  const auto anchor = find_anchor(reader, job_.model, time_column, job_.model.label_delay, job_.now);
  if (!anchor) throw DataError("the query returns no row up to now", "check the query and its time column");

  const Extent extent = training_extent(reader, job_.model, time_column, *anchor);
  const bool keep = job_.model.training.keep_data && !job_.candidate;
  ExtractionWishes wishes{
      .keep = keep ? std::optional(folder_ / kKeptDataFile) : std::nullopt,
      .on_rows = [this](std::uint64_t rows) { progress({.done = rows, .total = 0, .unit = ProgressUnit::rows}); },
      .streams = FurtherStreams{.source = source_, .application_name = application}};
  Extraction out = extract_rows(reader, job_.model, columns_, roles_, extent, wishes);
  measured_.data_rows = out.stats.rows;
  measured_.data_sha256 = out.data_sha256;
  measured_.window_from = out.table.event_times.front();
  measured_.window_to = out.table.event_times.back();
  json::object detail{{"bytes", out.stats.bytes}, {"sha256", out.data_sha256}};
  if (extent.sample_share < 1) {
    detail["sample_share"] = extent.sample_share;
    detail["sampled_rows"] = out.table.rows;
  }
  if (keep) {
    const std::filesystem::path file = folder_ / kKeptDataFile;
    measured_.kept = KeptData{.sha256 = to_hex(sha256_of_file(file)), .bytes = std::filesystem::file_size(file)};
    detail["kept_bytes"] = measured_.kept->bytes;
  }
  finish(out.stats.rows, detail);
  return out;
}

void Execution::take_findings(std::vector<data::Finding> findings) {
  const bool stops = any_stops(findings);
  for (data::Finding& finding : findings) {
    if (!finding.stops) measured_.warnings.push_back(finding.sentence);
    findings_.push_back(std::move(finding));
  }
  if (!stops) return;
  step_ = Step::validate_data;
  throw UnfitRows(findings_);
}

std::optional<data::Expectation> Execution::expectation() const {
  return job_.model.data.schema == ExpectedSchema::learned ? job_.expectation : std::nullopt;
}

data::Split Execution::split_rows(data::Table& table) {
  const settings::Training& training = job_.model.training;
  held_out_ = held_out_entities(training);
  if (job_.candidate) require_same_axis(table, *job_.candidate);
  if (job_.candidate && job_.candidate->entity != held_out_) held_out_.reset();
  if (held_out_) return data::split_by_entity(table, training.holdout);
  if (!job_.candidate) {
    return training.entity ? data::split_by_entity(table, training.holdout)
                           : data::split_by_time(table, training.holdout, training.embargo);
  }
  const JobVersion& candidate = *job_.candidate;
  const auto& times = table.event_times;
  const auto first_after = [&](EventTime time) {
    return static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), time) - times.begin());
  };
  return {.train_begin = 0,
          .train_end = first_after(candidate.trained_to),
          .holdout_begin = first_after(stale_to(candidate.trained_to, training.embargo)),
          .holdout_end = table.rows,
          .trained_from = candidate.trained_from,
          .trained_to = candidate.trained_to};
}

data::Split Execution::validate(Extraction& extracted) {
  begin(Step::validate_data);
  const settings::Training& training = job_.model.training;
  const data::Split split = split_rows(extracted.table);
  measured_.train_rows = split.train_end - split.train_begin;
  measured_.trained_from = split.trained_from;
  measured_.trained_to = split.trained_to;
  json::object detail{{"train_rows", measured_.train_rows}, {"holdout_rows", split.holdout_end - split.holdout_begin}};
  const source::RowFilter& filter = extracted.extent.filter;
  take_findings(data::validate_rows(
      extracted.table, split, job_.model, job_.expectation,
      {.after = filter.after, .until = filter.until, .sample_share = extracted.extent.sample_share}, job_.now));
  if (!job_.candidate) {
    if (measured_.train_rows < training.min_rows) {
      throw DataError(fmt::format("{} labelled rows to train on, fewer than min_rows = {}", measured_.train_rows,
                                  training.min_rows),
                      "wait for more rows, widen training.window, or lower training.min_rows");
    }
    measured_.learned = data::learn_expectation(columns_, roles_, extracted.table);
    fit_preparation(extracted.table, split);
  }
  const data::Preparation& own = job_.candidate ? candidate_.scorer.preparation : preparation_;
  require_same_question(opponents_, own);
  // Before the training, which takes long: a cost of a class that is not there was misspelled.
  if (own.task() != Task::regression) (void)evaluate::cost_matrix(job_.model.validation.costs, own.classes());
  if (!measured_.warnings.empty())
    detail["warnings"] = json::array(measured_.warnings.begin(), measured_.warnings.end());
  finish(extracted.table.rows, detail);
  return split;
}

void Execution::fit_preparation(const data::Table& table, const data::Split& split) {
  preparation_ = data::Preparation::fit(table, split.train_begin, split.train_end, job_.model, measured_.warnings);
  if (!job_.model.training.warm_start) return;
  const std::string why_not = why_not_continue(opponents_, job_.model, preparation_, held_out_);
  if (!why_not.empty()) {
    measured_.warnings.push_back("trained from nothing, though warm_start is set: " + why_not);
    return;
  }
  const OpenVersion& production = *opponents_.opponent;
  preparation_ = production.scorer.preparation;
  previous_ = production.scorer.model->files();
  parent_ = {.version = production.version.version, .artifact_sha256 = production.version.artifact_sha256};
  // What its parent has seen is not fresh for it either: a refit has seen rows that are younger than those to train on.
  measured_.trained_to = std::max(measured_.trained_to, production.version.trained_to);
}

}  // namespace retraind::pipeline
