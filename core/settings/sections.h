#pragma once
// One function for each kind of table in the configuration. Each reads its table to the end, unknown keys included, and
// leaves its complaints in the reader's findings. What one table alone cannot tell (does this source exist? is this
// model defined twice?) is checked in load.cc.

#include "core/settings/reader.h"
#include "core/settings/settings.h"

namespace retraind::settings {

void read_daemon(TableReader& reader, Daemon& out);
void read_registry(TableReader& reader, Registry& out);
void read_log(TableReader& reader, Log& out);
void read_source(TableReader& reader, Source& out);

// With its training, validation and triggers. `out.name` is set.
void read_model(TableReader& reader, Model& out);
void read_training(TableReader& reader, Training& out);
void read_validation(TableReader& reader, Validation& out);

// Appends to out.triggers, a pipeline_change trigger included when the file has none. `model` is the reader of the
// model's own table.
void read_triggers(TableReader& model, Model& out);

// [a-z][a-z0-9_]{0,62}: names of models, sources and triggers become names of files, labels and rows.
bool is_name(std::string_view text);
inline constexpr std::string_view kNameForm = "a lower-case letter, then up to 62 lower-case letters, digits or '_'";

}  // namespace retraind::settings
