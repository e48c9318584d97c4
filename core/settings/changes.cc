#include "core/settings/changes.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <map>

#include "core/settings/canonical_json.h"
#include "core/settings/snapshot.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

// Where the snapshot's objects are tables of the file; elsewhere an object is a key's value.
constexpr std::array<std::string_view, 7> kTables = {"training",   "training.command", "data",   "data.columns",
                                                     "validation", "scoring",          "release"};

bool is_table(std::string_view path) {
  return std::find(kTables.begin(), kTables.end(), path) != kTables.end() ||
         (path.starts_with("data.columns.") && std::count(path.begin(), path.end(), '.') == 2);
}

// The snapshot's spelling to the file's.
std::string as_in_file(std::string path) {
  const auto replace = [&path](std::string_view from, std::string_view to) {
    if (path.starts_with(from)) path.replace(0, from.size(), to);
  };
  replace("training.command.", "training.");
  replace("data.columns.", "data.column.");
  if (path == "validation.max_artifact_bytes") return "validation.max_artifact_size";
  constexpr std::string_view kUnit = "_bytes";
  if (path.ends_with(kUnit)) path.resize(path.size() - kUnit.size());
  return path;
}

void compare(const std::string& path, const json::object& before, const json::object& after,
             std::vector<std::string>& out) {
  const auto at = [&path](std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  };
  for (const auto& pair : after) {
    const std::string here = at(pair.key());
    if (here == "triggers" || here == "validation.gates") continue;  // by their names
    const json::value* old = before.if_contains(pair.key());
    if (old != nullptr && *old == pair.value()) continue;
    if (is_table(here) && old != nullptr && old->is_object() && pair.value().is_object()) {
      compare(here, old->get_object(), pair.value().get_object(), out);
    } else {
      out.push_back(as_in_file(here));
    }
  }
  for (const auto& pair : before) {
    if (!after.contains(pair.key())) out.push_back(as_in_file(at(pair.key())));
  }
}

// Members of an array that have names: which came, went or changed.
void compare_named(std::string_view kind, const json::array& before, const json::array& after,
                   std::vector<std::string>& out) {
  const auto by_name = [](const json::array& all) {
    std::map<std::string, const json::value*> found;
    for (const json::value& one : all) found[std::string(one.at("name").as_string())] = &one;
    return found;
  };
  const auto old_ones = by_name(before);
  const auto new_ones = by_name(after);
  for (const auto& [name, one] : new_ones) {
    const auto old = old_ones.find(name);
    if (old == old_ones.end() || *old->second != *one) out.push_back(std::string(kind) + " " + name);
  }
  for (const auto& [name, one] : old_ones) {
    if (!new_ones.contains(name)) out.push_back(std::string(kind) + " " + name);
  }
}

struct KeyOutside {
  std::string_view name;
  bool (*differs)(const Settings& a, const Settings& b);
  bool at_start = false;
};

#define RETRAIND_KEY(section, key) \
#section "." #key, [](const Settings& a, const Settings& b) { return a.section.key != b.section.key; }
constexpr std::array kOutside = {
    KeyOutside{RETRAIND_KEY(daemon, instance), true},
    KeyOutside{RETRAIND_KEY(daemon, state_dir), true},
    KeyOutside{RETRAIND_KEY(daemon, max_parallel_runs)},
    KeyOutside{RETRAIND_KEY(daemon, drain_timeout)},
    KeyOutside{RETRAIND_KEY(daemon, poll_interval)},
    KeyOutside{RETRAIND_KEY(daemon, lease_time)},
    KeyOutside{RETRAIND_KEY(registry, conninfo), true},
    KeyOutside{RETRAIND_KEY(log, level)},
    KeyOutside{RETRAIND_KEY(log, format)},
    KeyOutside{RETRAIND_KEY(http, listen)},
    KeyOutside{RETRAIND_KEY(http, allowed_hosts)},
    KeyOutside{RETRAIND_KEY(security, require_tls)},
    KeyOutside{RETRAIND_KEY(security, root_owned_commands)},
    KeyOutside{RETRAIND_KEY(retention, drift_checks)},
    KeyOutside{RETRAIND_KEY(retention, performance_checks)},
    KeyOutside{RETRAIND_KEY(retention, trigger_decisions)},
    KeyOutside{RETRAIND_KEY(retention, run_logs)},
    KeyOutside{RETRAIND_KEY(retention, signals)},
    KeyOutside{RETRAIND_KEY(retention, unused_artifacts)},
};
#undef RETRAIND_KEY

void compare_sources(const Settings& before, const Settings& after, std::vector<std::string>& out) {
  for (const auto& [name, source] : after.sources) {
    const std::string section = "source." + name;
    const auto old = before.sources.find(name);
    if (old == before.sources.end()) {
      out.push_back(section);
      continue;
    }
    if (old->second.conninfo != source.conninfo) out.push_back(section + ".conninfo");
    if (old->second.statement_timeout != source.statement_timeout) out.push_back(section + ".statement_timeout");
    if (old->second.streams != source.streams) out.push_back(section + ".streams");
  }
  for (const auto& [name, source] : before.sources) {
    if (!after.sources.contains(name)) out.push_back("source." + name);
  }
}

}  // namespace

std::vector<std::string> changed_keys(const Model& before, const Model& after) {
  const json::value before_json = parse_json(to_json(before));
  const json::value after_json = parse_json(to_json(after));
  std::vector<std::string> out;
  compare("", before_json.as_object(), after_json.as_object(), out);
  std::sort(out.begin(), out.end());
  compare_named("trigger", before_json.at("triggers").as_array(), after_json.at("triggers").as_array(), out);
  compare_named("gate", before_json.at("validation").at("gates").as_array(),
                after_json.at("validation").at("gates").as_array(), out);
  return out;
}

std::vector<std::string> changed_keys(const Settings& before, const Settings& after) {
  std::vector<std::string> out;
  for (const KeyOutside& key : kOutside) {
    if (key.differs(before, after)) out.emplace_back(key.name);
  }
  compare_sources(before, after, out);
  return out;
}

bool takes_effect_at_start(std::string_view key) {
  return std::any_of(kOutside.begin(), kOutside.end(),
                     [key](const KeyOutside& one) { return one.at_start && one.name == key; });
}

}  // namespace retraind::settings
