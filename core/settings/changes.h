#pragma once
// What differs between two configurations, by the names of keys and never by their values, which may be long or lead to
// a secret: for the line that says what a reload has changed. Thread-safe: pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "core/settings/settings.h"

namespace retraind::settings {

// Keys of [model.NAME] and below that differ, as they stand in the file ("training.window", "data.column.day.min"), in
// alphabetical order; a trigger or a gate that differs, came or went is named as a whole, at the end ("trigger
// nightly", "gate recall"). Empty: the same.
std::vector<std::string> changed_keys(const Model& before, const Model& after);

// Keys outside of models that differ: "daemon.poll_interval", "source.market.conninfo"; a source that came or went as a
// whole: "source.market". In the order of the file.
std::vector<std::string> changed_keys(const Settings& before, const Settings& after);

// Of the keys outside of models: whether a daemon that runs goes on with the old value until it is started again.
bool takes_effect_at_start(std::string_view key);

}  // namespace retraind::settings
