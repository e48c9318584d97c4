#pragma once
// One function for each kind of table in the configuration. Each reads its table to the end, unknown keys included, and
// leaves its complaints in the reader's findings. What one table alone cannot tell (does this source exist? is this
// model defined twice?) is checked in load.cc.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/settings/reader.h"
#include "core/settings/settings.h"

namespace retraind::settings {

void read_daemon(TableReader& reader, Daemon& out);
void read_registry(TableReader& reader, Registry& out);
void read_log(TableReader& reader, Log& out);
void read_http(TableReader& reader, Http& out);
void read_security(TableReader& reader, Security& out);
void read_retention(TableReader& reader, Retention& out);
void read_source(TableReader& reader, Source& out);

// A place that names a source, for load.cc, which knows them all.
struct SourceUse {
  std::string path;  // of the table: "model.power", "model.power.trigger"
  std::string source;
  std::filesystem::path file;
  Place place;
};

// With its training, data, validation, scoring, release and triggers. `out.name` is set. Appends to `source_uses`.
void read_model(TableReader& reader, Model& out, std::vector<SourceUse>& source_uses);

// What else a training is read with: a model with its columns and its task. After a complaint about the task, what
// depends on it is not judged.
struct TrainingContext {
  const Model& model;
  bool task_is_sure;
};
// False after a complaint about a key that says how many rows there are.
bool read_training(TableReader& reader, const TrainingContext& context, Training& out);
// Complains about windows that could never produce a verdict. `model` has its training and its validation.
void check_window(TableReader& training, const Model& model);
// The keys of a command, all of which belong to trainer = "command". `trainer` is std::nullopt where it was refused.
void read_command(TableReader& training, const std::optional<std::string>& trainer, Command& out);
// `training` has its trainer, rounds and params.
void read_search(TableReader& training, const std::optional<std::string>& trainer, const Training& of,
                 std::optional<Search>& out);
// Both: `model` is whole but for its data rules, its scoring and its triggers.
void read_data(TableReader& reader, const Model& model, bool training_is_sure, DataRules& out);
void read_scoring(TableReader& reader, const Model& model, std::vector<SourceUse>& source_uses, Scoring& out);
void read_release(TableReader& reader, Release& out);

// Which values of a validation are what the file says, or the defaults of what it does not say; the others were
// refused.
struct ValidationReading {
  bool metric_is_sure = false;  // and it can be what decides
  bool rows_are_sure = false;   // min_holdout_rows
};
// Reads into model.validation, whose metric is the default; `model` has its columns and its task.
ValidationReading read_validation(TableReader& reader, Model& model, bool task_is_sure);

// What the tables of a model's triggers and gates are held against. After a complaint about the model itself, what
// depends on it is not judged.
struct ModelSoFar {
  const Model& model;
  bool task_is_sure;    // no complaint about its task …
  bool metric_is_sure;  // … or about the metric of its validation
};
// Appends the gates in the tables [[gate]] of `validation` to `out`.
void read_gates(TableReader& validation, const ModelSoFar& of, std::vector<Gate>& out);

// A column with a duty of its own, which neither the label nor the time can have. False after a complaint.
bool check_duty(TableReader& reader, std::string_view key, const std::string& column, const Model& model);

// The text of a label's value, whatever its type in TOML. False where it is absent or no label.
bool read_label(TableReader& reader, std::string_view key, std::string& out);

// The text of a value in a database, written in TOML as a string, a finite number, or true or false: `1` means what
// `"1"` means. std::nullopt for anything else, and for a string with a zero character, which PostgreSQL cannot hold.
std::optional<std::string> value_text(const Node& node);

// A command with its arguments, as it stands, without a shell: arguments may be empty or alike, the first is an
// absolute path. False when it is absent or was refused.
bool read_argv(TableReader& reader, std::string_view key, std::vector<std::string>& out);

// A parameter for a trainer. std::nullopt for what is none.
std::optional<Parameter> parameter(const Node& node);
inline constexpr std::string_view kParameterForm = "a string, a finite number, or true or false";
// What to write instead of a parameter of XGBoost that retraind sets by itself; empty for all others.
std::string_view instead_of_parameter(std::string_view name);

struct TriggerModel;  // trigger_rules.h

// Appends the triggers in the tables [[trigger]] of `model`, which is the reader of the model's own table, to `out`;
// and a pipeline_change trigger when there is none among them.
void read_triggers(TableReader& model, const TriggerModel& of, std::vector<Trigger>& out);

// [a-z][a-z0-9_]{0,62}: names of models, sources, triggers and gates become names of files, labels and rows.
bool is_name(std::string_view text);
inline constexpr std::string_view kNameForm = "a lower-case letter, then up to 62 lower-case letters, digits or '_'";

}  // namespace retraind::settings
