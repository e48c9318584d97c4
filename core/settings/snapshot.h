#pragma once
// A model's settings as JSON: what a run carries, what the registry keeps for ever, what the worker reads. The text is
// canonical (keys sorted, every default spelled out, numbers in their shortest form), so its sha256 identifies the
// configuration. Connection strings are never in it: a source is a name, resolved by the daemon that executes.
// Thread-safe: pure functions.

#include <map>
#include <string>
#include <string_view>

#include "core/settings/settings.h"

namespace retraind::settings {

std::string to_json(const Model& model);

// Reads what to_json wrote, also one written by an older version of retraind (a missing key takes its default). Throws
// DataError on anything else, naming the key.
Model model_from_json(std::string_view json);

// sha256 of to_json(model), in hexadecimal.
std::string configuration_sha256(const Model& model);
// The same of each model, by name.
std::map<std::string, std::string> configuration_digests(const Settings& settings);
// One for all models together, by which daemons can be compared.
std::string configuration_sha256(const std::map<std::string, std::string>& digests);

// sha256 of the part that decides what is trained and how it is judged: everything but the name, triggers, late_rows,
// late_labels, timeouts, memory_limit, threads, max_attempts and promotion mode; what a report says (detect); and what
// is done afterwards or when something breaks (release, shadow, bake and their keys, broken_production). A change of it
// is what the pipeline_change trigger answers, so it must not change for one and the same configuration from version
// to version: newer keys are left out of it while they have their defaults.
std::string pipeline_sha256(const Model& model);

// One trigger's rule as JSON, for the monitor row; canonical like to_json.
std::string to_json(const Trigger& trigger);
Trigger trigger_from_json(std::string_view json);

}  // namespace retraind::settings
