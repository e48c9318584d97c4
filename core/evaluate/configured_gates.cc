#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/evaluate/gates.h"
#include "core/evaluate/wording.h"
#include "core/stats/drift.h"

namespace retraind::evaluate {
namespace {

// How one of a gate's bounds went.
struct BoundJudged {
  GateOutcome outcome = GateOutcome::undecided;
  std::optional<stats::Interval> interval;
  double threshold = 0;
  std::string sentence;
};

std::string spell_interval(const stats::Interval& interval, double confidence) {
  return fmt::format("{} ({} to {}, each bound with {} confidence)", spell_apart(interval.estimate, interval.low),
                     spell_apart(interval.low, interval.high), spell_apart(interval.high, interval.low),
                     spell_confidence(confidence));
}

// "better by 0.02", "worse by 0.01", "no better".
std::string spell_difference(double difference) {
  if (difference == 0) return "no better";
  return fmt::format("{} by {}", difference > 0 ? "better" : "worse", spell_value(std::fabs(difference)));
}

class Judge {
 public:
  Judge(const Comparison& comparison, const settings::Gate& gate)
      : comparison_(comparison), gate_(gate), metric_(name_of({gate.metric, gate.of_class, 0})) {}

  BoundJudged above(const GateFigure& figure) const {
    return own(figure, *gate_.above, "at least", [&](const stats::Interval& interval) {
      if (interval.low >= *gate_.above) return GateOutcome::passed;
      return interval.high < *gate_.above ? GateOutcome::failed : GateOutcome::undecided;
    });
  }

  BoundJudged below(const GateFigure& figure) const {
    return own(figure, *gate_.below, "at most", [&](const stats::Interval& interval) {
      if (interval.high <= *gate_.below) return GateOutcome::passed;
      return interval.low > *gate_.below ? GateOutcome::failed : GateOutcome::undecided;
    });
  }

  BoundJudged max_drop(const GateFigure& figure) const {
    BoundJudged out = open_difference(figure, *gate_.max_drop == 0 ? 0 : -*gate_.max_drop);
    if (!out.sentence.empty()) return out;
    if (out.interval->low >= out.threshold) {
      out.outcome = GateOutcome::passed;
    } else if (out.interval->high < out.threshold) {
      out.outcome = GateOutcome::failed;
    }
    out.sentence = fmt::format("{}, {} no more than {} worse", difference_of(out), sure_or_not(out.outcome),
                               spell_value(*gate_.max_drop));
    return out;
  }

  // A cap guards against a leak, so that here it is the likely size of the improvement that must stay below, and an
  // improvement that is surely above it fails.
  BoundJudged max_gain(const GateFigure& figure) const {
    BoundJudged out = open_difference(figure, *gate_.max_gain);
    if (!out.sentence.empty()) return out;
    const std::string said = difference_of(out);
    if (comparison_.opponent == Opponent::baseline) {
      out.outcome = GateOutcome::passed;
      out.sentence = said + "; an improvement over no model at all is not suspicious";
    } else if (out.interval->estimate <= out.threshold) {
      out.outcome = GateOutcome::passed;
      out.sentence = fmt::format("{}, no more than the {} that would be suspicious", said, spell_value(out.threshold));
    } else {
      if (out.interval->low > out.threshold) out.outcome = GateOutcome::failed;
      out.sentence =
          fmt::format("{}, {} more than the {} that is suspicious: look for a feature that knows the label", said,
                      out.outcome == GateOutcome::failed ? "surely" : "perhaps", spell_value(out.threshold));
    }
    return out;
  }

  GateResult blank(std::string slice) const {
    GateResult out;
    out.gate = gate_.name;
    out.slice = std::move(slice);
    out.metric = metric_;
    return out;
  }

  const std::string& metric() const { return metric_; }

  std::string against() const {
    return comparison_.opponent == Opponent::baseline ? "against the baseline" : "against production";
  }

 private:
  static const char* sure_or_not(GateOutcome outcome) {
    if (outcome == GateOutcome::undecided) return "perhaps";
    return outcome == GateOutcome::passed ? "surely" : "surely not";
  }

  std::string difference_of(const BoundJudged& bound) const {
    return fmt::format("{} of the candidate is {} {} (between {} and {}, each bound with {} confidence)", metric_,
                       spell_difference(bound.interval->estimate), against(),
                       spell_bound(bound.interval->low, bound.threshold),
                       spell_bound(bound.interval->high, bound.threshold), spell_confidence(gate_.confidence));
  }

  // The sentence stays empty when the interval can be judged.
  static BoundJudged open(const std::optional<stats::Interval>& interval, double threshold,
                          const std::string& why_not) {
    BoundJudged out;
    out.interval = interval;
    out.threshold = threshold;
    if (!interval) {
      out.sentence = why_not.empty() ? "no interval was measured" : why_not;
    } else {
      out.sentence = why_unusable(*interval);
    }
    return out;
  }

  // A baseline that takes no row for class 1 has no precision: the candidate has, and there is nothing to drop from.
  BoundJudged open_difference(const GateFigure& figure, double threshold) const {
    BoundJudged out = open(figure.difference, threshold, figure.why_not);
    const auto has = [&](const std::vector<NamedMetric>& metrics) {
      return std::any_of(metrics.begin(), metrics.end(), [&](const NamedMetric& m) { return name_of(m) == metric_; });
    };
    if (!out.interval && comparison_.opponent == Opponent::baseline && !comparison_.opponent_metrics.empty() &&
        has(comparison_.candidate_metrics) && !has(comparison_.opponent_metrics)) {
      out.outcome = GateOutcome::passed;
      out.sentence = fmt::format("the baseline has no {} on these rows that the candidate could fall behind", metric_);
    }
    return out;
  }

  template <class Rule>
  BoundJudged own(const GateFigure& figure, double threshold, const char* word, const Rule& rule) const {
    BoundJudged out = open(figure.candidate, threshold, figure.why_not);
    if (!out.sentence.empty()) return out;
    out.outcome = rule(*out.interval);
    out.sentence =
        fmt::format("{} of the candidate is {}, {} {} {}", metric_, spell_interval(*out.interval, gate_.confidence),
                    sure_or_not(out.outcome), word, spell_value(threshold));
    return out;
  }

  const Comparison& comparison_;
  const settings::Gate& gate_;
  std::string metric_;
};

// failed outweighs undecided, undecided outweighs passed.
int weight_of(GateOutcome outcome) {
  return outcome == GateOutcome::failed ? 2 : outcome == GateOutcome::undecided ? 1 : 0;
}

// One row of all the gate's bounds: with the numbers of the first one that went worst, and what is said of each.
GateResult judge_whole(const Judge& judge, const settings::Gate& gate, const GateFigure* figure) {
  GateResult out = judge.blank("");
  if (figure == nullptr) {
    out.sentence = "it was not measured";
    return out;
  }
  std::vector<BoundJudged> bounds;
  if (gate.above) bounds.push_back(judge.above(*figure));
  if (gate.below) bounds.push_back(judge.below(*figure));
  if (gate.max_drop && !gate.slices) bounds.push_back(judge.max_drop(*figure));
  if (gate.max_gain) bounds.push_back(judge.max_gain(*figure));
  const auto worst = std::max_element(bounds.begin(), bounds.end(), [](const BoundJudged& a, const BoundJudged& b) {
    return weight_of(a.outcome) < weight_of(b.outcome);
  });
  out.outcome = worst->outcome;
  out.threshold = worst->threshold;
  if (worst->interval) record(out, *worst->interval);
  out.sentence = worst->sentence;
  for (auto bound = bounds.begin(); bound != bounds.end(); ++bound) {
    if (bound != worst && bound->sentence != worst->sentence) out.sentence += "; " + bound->sentence;
  }
  return out;
}

bool is_judged(const GateFigure& figure) {
  return figure.log_p_harm && *figure.log_p_harm <= 0 && figure.difference && why_unusable(*figure.difference).empty();
}

void judge_levels(const Judge& judge, const settings::Gate& gate, const std::vector<const GateFigure*>& levels,
                  const GateFigure* column, std::vector<GateResult>& out) {
  const double drop = gate.max_drop.value_or(0);
  const double alpha = 1 - gate.confidence;
  std::vector<double> log_p;
  std::uint64_t rows = 0;
  for (const GateFigure* level : levels) {
    if (!is_judged(*level)) continue;
    log_p.push_back(*level->log_p_harm);
    rows += level->rows;
  }
  const std::vector<double> adjusted = stats::holm(log_p);

  std::size_t next = 0;
  std::vector<std::string> harmed;
  for (const GateFigure* level : levels) {
    GateResult row = judge.blank(level->slice);
    row.threshold = drop == 0 ? 0 : -drop;
    if (level->difference) record(row, *level->difference);
    if (!is_judged(*level)) {
      row.sentence = fmt::format("not judged: {}", level->why_not.empty() ? "it was not measured" : level->why_not);
      out.push_back(std::move(row));
      continue;
    }
    const double p = std::exp(adjusted[next++]);
    const bool failed = !(p > alpha);
    row.outcome = failed ? GateOutcome::failed : GateOutcome::passed;
    row.sentence = fmt::format(
        "{} of the candidate is {} {} on {} (between {} and {}): {} worse by more than {} (p = {} by Holm's method "
        "over {})",
        judge.metric(), spell_difference(level->difference->estimate), judge.against(), counted(level->rows, "row"),
        spell_bound(level->difference->low, *row.threshold), spell_bound(level->difference->high, *row.threshold),
        failed ? "surely" : "not surely", spell_value(drop), spell_value(p), counted(log_p.size(), "slice"));
    if (failed) harmed.push_back(level->slice);
    out.push_back(std::move(row));
  }

  GateResult whole = judge.blank(gate.slices->column);
  whole.threshold = alpha;
  if (!adjusted.empty()) whole.observed = std::exp(*std::min_element(adjusted.begin(), adjusted.end()));
  const std::string note = column == nullptr || column->why_not.empty() ? "" : "; " + column->why_not;
  if (!harmed.empty()) {
    std::string names;
    for (const std::string& name : harmed) names += (names.empty() ? "" : ", ") + name;
    whole.outcome = GateOutcome::failed;
    whole.sentence = fmt::format("{} of {} surely worse by more than {} {}: {}{}", harmed.size(),
                                 counted(log_p.size(), "slice"), spell_value(drop), judge.metric(), names, note);
  } else if (column == nullptr) {
    whole.sentence = fmt::format("the slices by \"{}\" were not measured", gate.slices->column);
  } else if (log_p.empty()) {
    whole.sentence = column->why_not.empty() ? fmt::format("no slice by \"{}\" could be judged", gate.slices->column)
                                             : "no slice could be judged: " + column->why_not;
  } else if (rows != column->rows) {
    whole.sentence =
        fmt::format("slices of {} are there, but {} were measured{}", counted(rows, "row"), column->rows, note);
  } else {
    whole.outcome = GateOutcome::passed;
    whole.sentence = fmt::format("none of {} is surely worse by more than {} {}{}", counted(log_p.size(), "slice"),
                                 spell_value(drop), judge.metric(), note);
  }
  out.push_back(std::move(whole));
}

}  // namespace

std::vector<GateResult> judge_configured(const Comparison& comparison, const settings::Gate& gate, std::size_t place) {
  const Judge judge(comparison, gate);
  const GateFigure* whole = nullptr;
  const GateFigure* column = nullptr;
  std::vector<const GateFigure*> levels;
  for (const GateFigure& figure : comparison.gates) {
    if (figure.gate != place) continue;
    if (figure.slice.empty()) {
      whole = &figure;
    } else if (gate.slices && figure.slice == gate.slices->column) {
      column = &figure;
    } else {
      levels.push_back(&figure);
    }
  }
  std::vector<GateResult> out;
  if (!gate.slices || gate.above || gate.below || gate.max_gain) out.push_back(judge_whole(judge, gate, whole));
  if (gate.slices) judge_levels(judge, gate, levels, column, out);
  return out;
}

}  // namespace retraind::evaluate
