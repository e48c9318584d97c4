#pragma once
// Which metrics may stand where, in the words of complaints. Thread-safe: pure functions.

#include <optional>
#include <string>

#include "core/base/vocabulary.h"

namespace retraind::settings {

// True for a metric between 0 and 1.
bool is_share(Metric metric);

// True for a metric that can say which of two models is better: more, or less, of it is always better, and it is not
// that of a class still to be named.
bool can_decide(Metric metric, Task task);

// "rmse, mae, r2": the metrics that apply to the task (std::nullopt: to any) and are `fit`, all when there is no such
// function. `last` stands before the last one, as in "rmse, mae or r2".
std::string list_metrics(std::optional<Task> task, bool (*fit)(Metric, Task), std::string_view last = ", ");

// "auc does not apply to a regression task; rmse, mae, r2 do"
std::string does_not_apply(Metric metric, Task task, bool (*fit)(Metric, Task) = nullptr);

}  // namespace retraind::settings
