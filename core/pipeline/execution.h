#pragma once
// One run in the hands of a worker, from the rows to what was measured. For the execute*.cc files of this module only:
// execute.cc leads through the steps and trains, execute_rows.cc reads the rows and looks whether they are fit,
// execute_judging.cc scores and measures.

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/data/finding.h"
#include "core/data/schema.h"
#include "core/data/split.h"
#include "core/evaluate/facts.h"
#include "core/pipeline/candidate.h"
#include "core/pipeline/execute.h"
#include "core/pipeline/extraction.h"
#include "core/pipeline/lineage.h"
#include "core/pipeline/opponents.h"
#include "core/pipeline/result.h"
#include "core/pipeline/search.h"

namespace retraind::pipeline {

class Execution {
 public:
  Execution(const Job& job, const settings::Source& source, const std::filesystem::path& folder,
            const std::string& version, const Surroundings& surroundings)
      : job_(job), source_(source), folder_(folder), version_(version), surroundings_(surroundings) {}

  // To be called once. Throws what its steps throw.
  Measured run();

  // The step it is in, or failed in.
  Step step() const { return step_; }
  std::vector<data::Finding> findings() && { return std::move(findings_); }
  std::vector<SearchTrial> searched() && { return std::move(searched_); }

 private:
  // execute.cc
  void take_warnings_of_programs();
  void begin(Step step);
  void finish(std::uint64_t rows, const boost::json::object& detail);
  void progress(const train::Progress& progress);
  settings::Model with_time_left(settings::Model model) const;
  TrainingPlan plan(RowRange rows, const data::Split& split, data::Preparation preparation);
  void train(const Extraction& extracted, const data::Split& split);
  void take_candidate(const Extraction& extracted, const data::Split& split);
  void take_package(const Candidate& candidate);
  // What a version is watched by: its columns as they were in the rows it was trained on, and how it fared on rows it
  // had not seen. A refit has seen them all; there the candidate it was made from speaks for it.
  void make_reference_of(const Extraction& extracted, const data::Split& split);
  void describe_lineage(const Extraction& extracted, const data::Split& split);

  // execute_rows.cc
  Extraction extract();
  // Remembers them all, and throws when one of them stops the run.
  void take_findings(std::vector<data::Finding> findings);
  std::optional<data::Expectation> expectation() const;
  // A candidate that is judged again is judged on the rows that came since it was trained, or on the entities that it
  // never saw.
  data::Split split_rows(data::Table& table);
  data::Split validate(Extraction& extracted);
  // Whoever continues from production must see the rows as production does.
  void fit_preparation(const data::Table& table, const data::Split& split);

  // execute_judging.cc
  evaluate::CandidateFacts facts_of(const Candidate& candidate, const std::vector<double>& predictions,
                                    std::size_t rows, Duration took) const;
  void judge(const data::Table& table, const data::Split& split);
  // As the daemon will decide from the same figures; it has the last word.
  bool wins() const;
  bool can_refit(const data::Table& table, const data::Split& split);
  void refit(const data::Table& table, const data::Split& split);

  const Job& job_;
  const settings::Source& source_;
  const std::filesystem::path& folder_;
  const std::string& version_;
  const Surroundings& surroundings_;
  Step step_ = Step::extract;
  Opponents opponents_;
  std::optional<std::string> held_out_;  // how entities are held out; nullopt: the newest rows are
  std::vector<data::SourceColumn> columns_;
  data::Roles roles_;
  data::Preparation preparation_;
  settings::Model trained_as_;                   // the configuration, with what a search has chosen
  std::map<std::string, std::string> previous_;  // the model that training goes on from; empty: from nothing
  std::optional<LineageParent> parent_;
  std::vector<data::Finding> findings_;
  std::vector<SearchTrial> searched_;
  Candidate candidate_;
  std::optional<Candidate> refitted_;
  std::vector<double> holdout_predictions_;
  Measured measured_;
};

}  // namespace retraind::pipeline
