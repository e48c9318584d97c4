#include "core/stats/change.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <stdexcept>

#include "core/base/error.h"
#include "core/stats/memory_json.h"

namespace retraind::stats {
namespace {

namespace json = boost::json;

constexpr double kSlack = 0.25;  // finds rises by half a deviation soonest

std::string rows_text(std::uint64_t rows) {
  std::string digits = std::to_string(rows);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::uint64_t whole(double rows) {
  return static_cast<std::uint64_t>(std::llround(rows));
}

class Watch {
 public:
  virtual ~Watch() = default;
  // A sentence is an alarm.
  virtual std::optional<std::string> add(double loss) = 0;
  virtual void write(json::object& memory) const = 0;
};

class AdwinWatch : public Watch {
 public:
  AdwinWatch(const ChangeRule& rule, const json::object* memory) : delta_(rule.delta), adwin_(rule.delta) {
    if (memory == nullptr) return;
    json::object window = *memory;
    window["delta"] = number_json(rule.delta);
    adwin_ = Adwin::from_json(json::serialize(window));
  }

  std::optional<std::string> add(double loss) override {
    const double width = adwin_.width() + 1;
    const double sum = adwin_.mean() * adwin_.width() + loss;
    if (!adwin_.add(loss) || !adwin_.last_cut_was_rise()) return std::nullopt;
    const double before = (sum - adwin_.mean() * adwin_.width()) / (width - adwin_.width());
    return fmt::format("the mean loss rose from {:.3g} to {:.3g} over the last {} of {} rows (adwin, delta {:.3g})",
                       before, adwin_.mean(), rows_text(whole(adwin_.width())), rows_text(whole(width)), delta_);
  }

  void write(json::object& memory) const override {
    for (const auto& [key, value] : parse_memory(adwin_.to_json())) memory[key] = value;
  }

 private:
  double delta_;
  Adwin adwin_;
};

class PageHinkleyWatch : public Watch {
 public:
  PageHinkleyWatch(const ChangeRule& rule, const json::object* memory) : rule_(rule) {
    if (!(rule.deviation > 0) || !std::isfinite(rule.deviation) || !(rule.largest > rule.level_mean)) {
      throw DataError(fmt::format("page_hinkley has no measure: at promotion the losses had the mean {:.3g}, the "
                                  "standard deviation {:.3g} and the largest {:.3g}",
                                  rule.level_mean, rule.deviation, rule.largest),
                      "all losses were the same; detect = \"adwin\" needs no level at promotion");
    }
    watched_.mean = rule.level_mean;
    watched_.deviation = rule.deviation;
    watched_.slack = kSlack;
    watched_.limit = page_hinkley_limit(kSlack, static_cast<double>(rule.false_alarm_rows),
                                        (rule.largest - rule.level_mean) / rule.deviation);
    if (memory == nullptr) return;
    watched_.sum = read_number(*memory, "sum");
    watched_.rows = read_count(*memory, "since");
    if (watched_.sum < 0) refuse_memory("its sum is negative");
  }

  std::optional<std::string> add(double loss) override {
    const double taken = std::min(loss, rule_.largest);
    const double rows = static_cast<double>(watched_.rows) + 1;
    const double sum = watched_.sum + (taken - rule_.level_mean) / rule_.deviation - kSlack;
    if (!watched_.add(taken)) return std::nullopt;
    return fmt::format(
        "the mean loss was {:.3g} over the last {} rows, and {:.3g} at promotion (page_hinkley, sum {:.3g} reached its "
        "limit {:.3g}, which one in {} rows does by chance)",
        rule_.level_mean + rule_.deviation * (sum / rows + kSlack), rows_text(whole(rows)), rule_.level_mean, sum,
        watched_.limit, rows_text(rule_.false_alarm_rows));
  }

  void write(json::object& memory) const override {
    memory["sum"] = number_json(watched_.sum);
    memory["since"] = count_json(watched_.rows);
  }

 private:
  ChangeRule rule_;
  PageHinkley watched_;
};

class RiskWatch : public Watch {
 public:
  RiskWatch(const ChangeRule& rule, const json::object* memory) : rule_(rule) {
    if (!(rule.largest > 0) || !std::isfinite(rule.largest)) {
      throw DataError(fmt::format("risk has no measure: the largest loss at promotion was {:.3g}", rule.largest),
                      "all losses were 0; detect = \"adwin\" needs no level at promotion");
    }
    if (!(rule.delta > 0 && rule.delta < 1) || !(rule.tolerance >= 0) || !std::isfinite(rule.level_high)) {
      throw std::logic_error(fmt::format("a risk rule with delta {}, tolerance {} and level {}", rule.delta,
                                         rule.tolerance, rule.level_high));
    }
    bounds_.alpha = rule.delta;
    if (memory == nullptr) return;
    // Bounds hold for one alpha and one scale throughout. Almost equal is equal: both may have been written down.
    if (!same(read_number(*memory, "alpha"), rule.delta) || !same(read_number(*memory, "largest"), rule.largest))
      return;
    bounds_.rows = read_count(*memory, "seen");
    bounds_.sum = read_number(*memory, "sum");
    bounds_.square_sum = read_number(*memory, "square_sum");
    bounds_.weight_sum = read_number(*memory, "weight_sum");
    bounds_.weighted_sum = read_number(*memory, "weighted_sum");
    bounds_.penalty_sum = read_number(*memory, "penalty_sum");
    bounds_.low = read_number(*memory, "low");
    bounds_.high = read_number(*memory, "high");
    alarmed_ = read_flag(*memory, "alarmed");
    const auto rows = static_cast<double>(bounds_.rows);
    if (!(bounds_.sum >= 0 && bounds_.sum <= rows) || bounds_.square_sum < 0 || bounds_.weight_sum < 0 ||
        !(bounds_.weighted_sum >= 0 && bounds_.weighted_sum <= bounds_.weight_sum) || bounds_.penalty_sum < 0 ||
        !(bounds_.low >= 0 && bounds_.low <= 1) || !(bounds_.high >= 0 && bounds_.high <= 1)) {
      refuse_memory("its sums contradict one another");
    }
  }

  std::optional<std::string> add(double loss) override {
    bounds_.add(std::min(loss / rule_.largest, 1.0));
    const double low = bounds_.low * rule_.largest;
    if (alarmed_ || !(low > rule_.level_high + rule_.tolerance)) return std::nullopt;
    alarmed_ = true;
    return fmt::format(
        "the mean loss of the {} rows since promotion is at least {:.3g}, above the {:.3g} it was at most at promotion "
        "and the {:.3g} that is tolerated (risk, delta {:.3g})",
        rows_text(bounds_.rows), low, rule_.level_high, rule_.tolerance, rule_.delta);
  }

  void write(json::object& memory) const override {
    memory["alpha"] = number_json(rule_.delta);
    memory["largest"] = number_json(rule_.largest);
    memory["seen"] = count_json(bounds_.rows);
    memory["sum"] = number_json(bounds_.sum);
    memory["square_sum"] = number_json(bounds_.square_sum);
    memory["weight_sum"] = number_json(bounds_.weight_sum);
    memory["weighted_sum"] = number_json(bounds_.weighted_sum);
    memory["penalty_sum"] = number_json(bounds_.penalty_sum);
    memory["low"] = number_json(bounds_.low);
    memory["high"] = number_json(bounds_.high);
    memory["alarmed"] = alarmed_;
  }

 private:
  static bool same(double a, double b) { return std::fabs(a - b) <= 1e-9 * std::fabs(b); }

  ChangeRule rule_;
  ConfidenceSequence bounds_;
  bool alarmed_ = false;
};

std::unique_ptr<Watch> watch(const ChangeRule& rule, const json::object* memory) {
  switch (rule.detector) {
    case Detector::adwin:
      return std::make_unique<AdwinWatch>(rule, memory);
    case Detector::page_hinkley:
      return std::make_unique<PageHinkleyWatch>(rule, memory);
    case Detector::risk:
      return std::make_unique<RiskWatch>(rule, memory);
  }
  throw std::logic_error("there is no such detector");
}

}  // namespace

ChangeOutcome feed(const ChangeRule& rule, std::string_view state, std::span<const double> losses) {
  ChangeOutcome outcome;
  std::unique_ptr<Watch> detector;
  if (state.empty()) {
    detector = watch(rule, nullptr);
  } else {
    const json::object whole_memory = parse_memory(state);
    const json::value* name = whole_memory.if_contains("detector");
    if (name == nullptr || !name->is_string() || name->get_string() != to_text(rule.detector).data()) {
      refuse_memory(fmt::format("it does not belong to {}", to_text(rule.detector)));
    }
    outcome.rows = read_count(whole_memory, "fed");
    const json::value* memory = whole_memory.if_contains("memory");
    if (memory == nullptr || !memory->is_object()) refuse_memory("'memory' is missing");
    detector = watch(rule, &memory->get_object());
  }
  for (const double loss : losses) {
    if (!(loss >= 0) || !std::isfinite(loss)) throw std::logic_error(fmt::format("a row has a loss of {}", loss));
    ++outcome.rows;
    if (auto sentence = detector->add(loss)) outcome.alarms.push_back({outcome.rows, std::move(*sentence)});
  }
  json::object memory;
  detector->write(memory);
  json::object all;
  all["detector"] = json::value(std::string(to_text(rule.detector)));
  all["fed"] = count_json(outcome.rows);
  all["memory"] = std::move(memory);
  outcome.state = json::serialize(all);
  return outcome;
}

}  // namespace retraind::stats
