#pragma once
// Runs the stories of tests/scenarios (their form is described in the README.md there) against trigger::evaluate.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/trigger/trigger.h"

namespace retraind::trigger {

class Scenario {
 public:
  // Reads and runs the whole file. Returns what did not come out as expected, one complaint a line; empty when all did.
  // Throws std::runtime_error, with the line's number, for a file that is not in the form.
  static std::string run(const std::filesystem::path& file);

 private:
  using Words = std::vector<std::string>;

  struct OpenRun {
    TimePoint ends;
    std::string ending;
  };

  void execute(const Words& words);
  void make_trigger(const Words& words);
  void load(const Words& words);
  void happen(const Words& words);
  void set_columns(const Words& words);

  // What `eval` and `follow` decided, as lines in the form of the README.
  std::vector<std::string> evaluate_once(bool with_time);
  std::vector<std::string> follow(TimePoint until);
  void expect(const std::vector<Words>& expected);

  void advance(TimePoint to);
  void end_run(const OpenRun& run);
  void meet_open_run(const Decision& decision);
  Observation observe() const;
  DriftObservation observe_drift(const std::string& value) const;
  PerformanceObservation observe_performance(const std::string& value) const;
  SampleObservation observe_signal() const;
  SampleObservation observe_answer(const std::string& value) const;
  FreshnessObservation observe_freshness(const std::string& value) const;
  ModelContext context() const;
  TimePoint time(const std::string& word) const;

  std::optional<settings::Trigger> trigger_;
  std::optional<TimePoint> start_;
  TimePoint now_{};
  State state_;
  std::optional<TimePoint> due_;
  std::vector<std::string> decided_;
  bool decided_with_time_ = false;
  bool waiting_for_expectations_ = false;
  std::string complaints_;
  int line_ = 0;

  std::map<TimePoint, std::string> observed_;
  std::vector<SampleObservation::Sample> samples_;  // of a signal, oldest first
  std::vector<stats::ColumnDrift> columns_;         // of drift
  std::optional<double> level_;                     // of performance, at promotion
  std::optional<stats::Interval> level_interval_;
  int version_ = 1;
  TimeAxis axis_ = TimeAxis::instant;  // of freshness
  std::string judged_;
  Duration run_length_{};
  std::string run_ending_ = "promoted";
  std::optional<OpenRun> open_;
  std::vector<TimePoint> started_;
  ModelContext known_;
};

}  // namespace retraind::trigger
