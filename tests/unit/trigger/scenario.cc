#include "tests/unit/trigger/scenario.h"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <stdexcept>

#include "tests/unit/trigger/scenario_words.h"

namespace retraind::trigger {
namespace {

using namespace scenario;

// A firing that meets an open run, as the registry records it.
constexpr const char* kOpenRun = "suppressed:open_run";

std::string in_words(const Decision& decision) {
  std::string text(to_text(decision.decision));
  const boost::json::value evidence = boost::json::parse(decision.evidence);
  if (const auto* cause = evidence.as_object().if_contains("cause")) text += ":" + std::string(cause->as_string());
  return text;
}

std::string listed(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += "    " + line + "\n";
  return lines.empty() ? "    (nothing)\n" : out;
}

}  // namespace

std::string Scenario::run(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  Scenario scenario;
  std::vector<Words> expected;
  std::string line;
  const auto settle = [&] {
    if (scenario.waiting_for_expectations_) scenario.expect(expected);
    expected.clear();
  };
  int number_of_line = 0;
  try {
    while (std::getline(in, line)) {
      ++number_of_line;
      const Words words = split_line(line);
      if (words.empty()) continue;
      if (line.front() == ' ' || line.front() == '\t') {
        if (!scenario.waiting_for_expectations_) throw std::runtime_error("there is nothing to expect here");
        expected.push_back(words);
        continue;
      }
      settle();
      scenario.line_ = number_of_line;
      scenario.execute(words);
    }
    settle();
  } catch (const std::exception& error) {
    throw std::runtime_error(file.filename().string() + ":" + std::to_string(number_of_line) + ": " + error.what());
  }
  return scenario.complaints_;
}

void Scenario::execute(const Words& words) {
  const std::string& verb = words.at(0);
  if (verb == "trigger") {
    make_trigger(words);
  } else if (verb == "start") {
    start_ = parse_instant(words.at(1));
    if (!start_) throw std::runtime_error("start needs an instant");
    now_ = *start_;
    due_ = first_due(trigger_.value(), now_);
    if (trigger_->kind() == TriggerKind::schedule) state_.last_slot = now_;
  } else if (verb == "load") {
    load(words);
  } else if (verb == "columns") {
    set_columns(words);
  } else if (verb == "level") {
    const stats::Interval level = interval(words.at(1));
    level_ = level.estimate;
    level_interval_ = level.low < level.high ? std::optional(level) : std::nullopt;
  } else if (verb == "runs") {
    run_length_ = duration(words.at(1));
    run_ending_ = words.at(2);
  } else if (verb == "at") {
    happen(words);
  } else if (verb == "eval") {
    advance(time(words.at(1)));
    decided_ = evaluate_once(false);
    decided_with_time_ = false;
    waiting_for_expectations_ = true;
  } else if (verb == "follow") {
    decided_ = follow(time(words.at(1)));
    decided_with_time_ = true;
    waiting_for_expectations_ = true;
  } else {
    throw std::runtime_error("\"" + verb + "\" is not understood");
  }
}

void Scenario::load(const Words& words) {
  TimePoint at = time(words.at(1));
  const Duration step = duration(words.at(2));
  // Values of a signal are recorded beside those that are there; what other triggers see is replaced from here on.
  const bool recorded = trigger_.value().kind() == TriggerKind::signal;
  if (!recorded) observed_.erase(observed_.lower_bound(at), observed_.end());
  for (std::size_t i = 3; i < words.size(); ++i) {
    const std::size_t star = words[i].find('*');
    const std::uint64_t times = star == std::string::npos ? 1 : number(words[i].substr(star + 1));
    const std::string value = words[i].substr(0, star);
    for (std::uint64_t k = 0; k < times; ++k, at += step) {
      observed_[at] = value;
      if (recorded && value != "-" && value != "error") samples_.push_back({at, real(value)});
    }
  }
  std::stable_sort(samples_.begin(), samples_.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
}

void Scenario::happen(const Words& words) {
  advance(time(words.at(1)));
  const std::string& what = words.at(2);
  if (what == "pause") {
    known_.paused = true;
    known_.pause_reason = words.at(3);
  } else if (what == "resume") {
    known_.paused = false;
  } else if (what == "other_run") {
    known_.last_finished_at = now_;
  } else if (what == "other_promotion") {
    known_.last_finished_at = now_;
    ++version_;
  } else {
    throw std::runtime_error("\"" + what + "\" cannot happen");
  }
}

TimePoint Scenario::time(const std::string& word) const {
  if (!start_) throw std::runtime_error("there must be a start before any time");
  if (const auto since = parse_duration(word)) return *start_ + *since;
  const auto instant = parse_instant(word);
  if (!instant) throw std::runtime_error("\"" + word + "\" is no time");
  return *instant;
}

void Scenario::advance(TimePoint to) {
  if (to < now_) throw std::runtime_error(format_instant(to) + " is before " + format_instant(now_));
  if (open_ && open_->ends <= to) {
    end_run(*open_);
    open_.reset();
  }
  now_ = to;
}

void Scenario::end_run(const OpenRun& run) {
  known_.last_finished_at = run.ends;
  if (run.ending == "rejected" || run.ending == "failed" || run.ending == "inconclusive") {
    ++known_.unsuccessful_in_a_row;
    known_.last_unsuccessful_at = run.ends;
  } else {
    known_.unsuccessful_in_a_row = 0;
    known_.last_unsuccessful_at.reset();
    ++version_;
  }
  if (run.ending != "failed" && !observed_.empty()) {
    const auto after = observed_.upper_bound(run.ends);
    if (after != observed_.begin()) judged_ = std::prev(after)->second;
  }
}

ModelContext Scenario::context() const {
  ModelContext context = known_;
  context.run_open = open_.has_value();
  context.runs_in_last_day = static_cast<int>(std::count_if(
      started_.begin(), started_.end(), [&](TimePoint at) { return at > now_ - std::chrono::hours(24); }));
  return context;
}

std::vector<std::string> Scenario::evaluate_once(bool with_time) {
  const State before = state_;
  const Outcome outcome = evaluate(trigger_.value(), observe(), before, context(), now_);
  state_ = outcome.state;
  due_ = outcome.next_due;
  std::vector<std::string> lines;
  for (const Decision& decision : outcome.decisions) {
    std::string line = (with_time ? format_instant(now_) + " " : "") + in_words(decision);
    if (decision.decision == FiringDecision::fired) {
      if (open_) {
        const bool quiet = before.last_recorded == kOpenRun && !decision.slot;
        meet_open_run(decision);
        if (quiet) continue;
        line = (with_time ? format_instant(now_) + " " : "") + std::string(kOpenRun);
      } else {
        started_.push_back(now_);
        open_ = OpenRun{now_ + run_length_, run_ending_};
        advance(now_);
      }
    }
    if (decision.slot) line += " slot " + format_instant(*decision.slot);
    lines.push_back(line);
  }
  state_ = state_from_json(to_json(state_));
  return lines;
}

// As runs::record_outcome does it.
void Scenario::meet_open_run(const Decision& decision) {
  state_.last_recorded = kOpenRun;
  const bool keeps_asking = !decision.slot && trigger_->kind() != TriggerKind::pipeline_change;
  if (keeps_asking) state_.phase = TriggerPhase::firing;
}

std::vector<std::string> Scenario::follow(TimePoint until) {
  constexpr int kMostEvaluations = 100000;
  std::vector<std::string> lines;
  for (int i = 0; due_ && *due_ <= until; ++i) {
    if (i == kMostEvaluations) throw std::runtime_error("it is due again and again");
    advance(std::max(now_, *due_));
    const auto more = evaluate_once(true);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  advance(until);
  return lines;
}

void Scenario::expect(const std::vector<Words>& expected) {
  waiting_for_expectations_ = false;
  const auto complain = [&](const std::string& text) { complaints_ += "line " + std::to_string(line_) + ": " + text; };
  std::vector<std::string> wanted;
  for (Words words : expected) {
    if (words[0] == "phase") {
      const auto phase = one_of<TriggerPhase>(words.at(1));
      if (phase != state_.phase) {
        complain("the phase is " + std::string(to_text(state_.phase)) + ", not " + words[1] + "\n");
      }
    } else if (words[0] == "due") {
      const auto due = words.at(1) == "never" ? std::nullopt : std::optional(time(words[1]));
      if (due != due_) {
        complain("it is due " + (due_ ? format_instant(*due_) : "never") + ", not " + words[1] + "\n");
      }
    } else {
      if (decided_with_time_) words[0] = format_instant(time(words[0]));
      if (const auto slot = std::find(words.begin(), words.end(), "slot"); slot != words.end()) {
        *std::next(slot) = format_instant(time(*std::next(slot)));
      }
      wanted.push_back(joined(words));
    }
  }
  if (wanted != decided_) complain("expected\n" + listed(wanted) + "  but was decided\n" + listed(decided_));
}

}  // namespace retraind::trigger
