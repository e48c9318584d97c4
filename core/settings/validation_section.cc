#include <fmt/format.h>

#include <array>
#include <set>

#include "core/base/text.h"
#include "core/settings/metric_rules.h"
#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

constexpr RealRange kConfidence = {0.5, false, 1.0};
constexpr RealRange kNotNegative = {0, true, std::nullopt};
constexpr RealRange kProbability = {0, false, 1.0};

// True when the metric is what the file says and can be what decides.
bool read_metric(TableReader& reader, const Model& model, bool task_is_sure, Metric& out) {
  const bool was_read = reader.word("metric", out);
  if (!task_is_sure || !reader.is_sure("metric", was_read)) return false;
  if (!applies_to(out, model.task)) {
    reader.complain("metric", does_not_apply(out, model.task, can_decide));
  } else if (!is_ordered(out)) {
    reader.complain("metric", fmt::format("{} is not always better when it is higher, nor when it is lower, so it "
                                          "cannot decide between two models; hold it against bounds in a [[{}.gate]]",
                                          to_text(out), reader.path()));
  } else if (!can_decide(out, model.task)) {
    reader.complain("metric", fmt::format("{} of a {} task is that of one class, so it cannot decide between two "
                                          "models; hold it against bounds in a [[{}.gate]]",
                                          to_text(out), to_text(model.task), reader.path()));
  } else {
    return true;
  }
  return false;
}

struct Difference {
  std::string_view key;
  std::string_view what;  // for the complaint
  std::optional<double> value;
};

// Differences that a metric between 0 and 1 never comes to.
void check_differences(TableReader& reader, const Validation& v) {
  if (!is_share(v.metric)) return;
  const std::array<Difference, 4> differences = {{{"margin", "a margin of ", v.margin},
                                                  {"anchor_margin", "a margin of ", v.anchor_margin},
                                                  {"detect", "", v.detect},
                                                  {"bake_tolerance", "a tolerance of ", v.bake_tolerance}}};
  for (const auto& [key, what, value] : differences) {
    if (!value || *value < 1) continue;
    reader.complain(key, fmt::format("{} lies between 0 and 1, so no difference reaches {}{}", to_text(v.metric), what,
                                     format_number(*value)));
  }
}

void read_costs(TableReader& reader, const Model& model, bool task_is_sure, Costs& out) {
  constexpr std::string_view kExpected =
      "tables of numbers of at least 0 by the actual and the predicted label, such as { yes = { no = 5.0 } }";
  const Entry* entry = reader.ask("costs", std::string(kExpected), "{}");
  if (entry == nullptr) return;
  const auto* rows = std::get_if<Node::Table>(&entry->node.value);
  if (rows == nullptr) {
    reader.complain("costs", fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
    return;
  }
  if (task_is_sure && model.task == Task::regression) {
    reader.complain("costs", "only classes are mistaken for one another, and this task is regression");
    return;
  }
  const std::size_t complaints = reader.complaints_so_far();
  const std::string path = reader.path() + ".costs";
  std::set<std::string> labels;
  for (const Entry& actual : *rows) {
    const std::string row_path = fmt::format("{}.{}", path, printable(actual.key));
    const auto* row = std::get_if<Node::Table>(&actual.node.value);
    if (row == nullptr) {
      reader.complain_at(actual.node.place, fmt::format("{}: expected a table of costs by the predicted label, such as "
                                                        "{{ no = 5.0 }}, found {}",
                                                        row_path, describe(actual.node)));
      continue;
    }
    labels.insert(actual.key);
    for (const Entry& predicted : *row) {
      labels.insert(predicted.key);
      const auto cost = finite_number(predicted.node);
      if (cost && *cost >= 0) {
        out[actual.key][predicted.key] = *cost;
      } else {
        reader.complain_at(predicted.node.place,
                           fmt::format("{}.{}: expected a number of at least 0, found {}", row_path,
                                       printable(predicted.key), describe(predicted.node)));
      }
    }
  }
  if (reader.complaints_so_far() != complaints) return;
  for (const std::string& label : labels) {
    if (label.find('\0') == std::string::npos) continue;
    reader.complain("costs", fmt::format("no label has a zero character in it, as \"{}\" has", printable(label)));
  }
  if (task_is_sure && model.task == Task::binary && labels.size() > 2) {
    reader.complain("costs", fmt::format("a binary task has two labels, and {} are named here", labels.size()));
  }
}

// For a key that was read and matters to one task only.
void check_task(TableReader& reader, std::string_view key, Task task, const Model& model, bool task_is_sure) {
  if (!task_is_sure || model.task == task) return;
  reader.complain(key,
                  fmt::format("only a {} task has a {}, and this one is {}", to_text(task), key, to_text(model.task)));
}

void read_anchor_margin(TableReader& reader, bool rule_is_sure, Validation& out) {
  if (!reader.real("anchor_margin", out.anchor_margin, kNotNegative)) return;
  if (rule_is_sure && out.rule != Rule::non_inferior) {
    reader.complain("anchor_margin", "belongs to rule = \"non_inferior\"; leave it out here");
  }
}

}  // namespace

ValidationReading read_validation(TableReader& reader, Model& model, bool task_is_sure) {
  constexpr std::int64_t kRows = static_cast<std::int64_t>(kMostRows);
  Validation& out = model.validation;
  ValidationReading reading;
  reading.metric_is_sure = read_metric(reader, model, task_is_sure, out.metric);
  const bool rule_is_sure = reader.is_sure("rule", reader.word("rule", out.rule));
  reader.real("margin", out.margin, kNotNegative);
  read_anchor_margin(reader, rule_is_sure, out);
  reader.real("confidence", out.confidence, kConfidence);
  reader.boolean("spend_alpha", out.spend_alpha);
  reading.rows_are_sure =
      reader.is_sure("min_holdout_rows", reader.integer("min_holdout_rows", out.min_holdout_rows, {1, kRows}));
  reader.real("detect", out.detect, {0, false, std::nullopt});
  reader.cluster("cluster", out.cluster);
  reader.word("promotion", out.promotion);

  if (reader.real("threshold", out.threshold, kProbability)) {
    check_task(reader, "threshold", Task::binary, model, task_is_sure);
  }
  if (reader.real("quantile", out.quantile, kProbability)) {
    check_task(reader, "quantile", Task::regression, model, task_is_sure);
  }
  read_costs(reader, model, task_is_sure, out.costs);

  reader.integer("max_holdout_reuse", out.max_holdout_reuse, {0, 1000000});
  reader.bytes("max_artifact_size", out.max_artifact_bytes, std::uint64_t{1} << 10);
  reader.duration("max_scoring_time", out.max_scoring_time, {Duration::zero(), std::chrono::hours(1)});
  reader.word("schema", out.schema);
  reader.word("broken_production", out.broken_production);

  reader.duration("shadow", out.shadow);
  reader.duration("bake", out.bake);
  reader.real("bake_tolerance", out.bake_tolerance, kNotNegative);
  reader.real("bake_confidence", out.bake_confidence, kConfidence);
  reader.duration("trial_every", out.trial_every, {std::chrono::seconds(1), kLongest});

  if (reading.metric_is_sure) check_differences(reader, out);
  read_gates(reader, {model, task_is_sure, reading.metric_is_sure}, out.gates);
  reader.finish();
  return reading;
}

}  // namespace retraind::settings
