#include "core/settings/metric_rules.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace retraind::settings {

bool is_share(Metric metric) {
  switch (metric) {
    case Metric::accuracy:
    case Metric::auc:
    case Metric::f1:
    case Metric::brier:
    case Metric::macro_f1:
    case Metric::average_precision:
    case Metric::precision:
    case Metric::recall:
    case Metric::calibration_error:
    case Metric::weighted_f1:
    case Metric::macro_auc:
      return true;
    case Metric::log_loss:
    case Metric::rmse:
    case Metric::mae:
    case Metric::r2:
    case Metric::calibration_slope:
    case Metric::cost:
    case Metric::mape:
    case Metric::pinball:
    case Metric::bias:
      return false;
  }
  return false;
}

bool can_decide(Metric metric, Task task) {
  return is_ordered(metric) && !(metric == Metric::recall && task == Task::multiclass);
}

std::string list_metrics(std::optional<Task> task, bool (*fit)(Metric, Task), std::string_view last) {
  constexpr std::array kTasks = {Task::binary, Task::multiclass, Task::regression};
  std::vector<std::string_view> fitting;
  for (const std::string_view word : words_of<Metric>()) {
    const Metric metric = *parse<Metric>(word);
    for (const Task one : kTasks) {
      if ((task && one != *task) || !applies_to(metric, one) || (fit != nullptr && !fit(metric, one))) continue;
      fitting.push_back(word);
      break;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < fitting.size(); ++i) {
    if (i > 0) out += i + 1 == fitting.size() ? last : ", ";
    out += fitting[i];
  }
  return out;
}

std::string does_not_apply(Metric metric, Task task, bool (*fit)(Metric, Task)) {
  return fmt::format("{} does not apply to a {} task; {} do", to_text(metric), to_text(task), list_metrics(task, fit));
}

}  // namespace retraind::settings
