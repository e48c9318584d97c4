#pragma once
// One function for each kind of table in the configuration. Each reads its table to the end, unknown keys included, and
// leaves its complaints in the reader's findings. What one table alone cannot tell (does this source exist? is this
// model defined twice?) is checked in load.cc.

#include <filesystem>
#include <string>
#include <vector>

#include "core/settings/reader.h"
#include "core/settings/settings.h"

namespace retraind::settings {

void read_daemon(TableReader& reader, Daemon& out);
void read_registry(TableReader& reader, Registry& out);
void read_log(TableReader& reader, Log& out);
void read_source(TableReader& reader, Source& out);

// A place that names a source, for load.cc, which knows them all.
struct SourceUse {
  std::string path;  // of the table: "model.power", "model.power.trigger"
  std::string source;
  std::filesystem::path file;
  Place place;
};

// With its training, validation and triggers. `out.name` is set. Appends to `source_uses`.
void read_model(TableReader& reader, Model& out, std::vector<SourceUse>& source_uses);
void read_training(TableReader& reader, Training& out);
void read_validation(TableReader& reader, Validation& out);

struct TriggerModel;  // trigger_rules.h

// Appends the triggers in the tables [[trigger]] of `model`, which is the reader of the model's own table, to `out`;
// and a pipeline_change trigger when there is none among them.
void read_triggers(TableReader& model, const TriggerModel& of, std::vector<Trigger>& out);

// True for a metric between 0 and 1.
bool is_share(Metric metric);
// "auc does not apply to a regression task; rmse, mae, r2 do"
std::string does_not_apply(Metric metric, Task task);

// [a-z][a-z0-9_]{0,62}: names of models, sources and triggers become names of files, labels and rows.
bool is_name(std::string_view text);
inline constexpr std::string_view kNameForm = "a lower-case letter, then up to 62 lower-case letters, digits or '_'";

}  // namespace retraind::settings
