#include "core/settings/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/base/text.h"
#include "core/settings/document.h"
#include "core/settings/include.h"
#include "core/settings/known_keys.h"
#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

// One load, from the first file to the last complaint.
class Load {
 public:
  explicit Load(std::string_view instance, std::vector<KnownKey>* known = nullptr) {
    settings_.daemon.instance = instance;
    findings_.known = known;
  }

  void read_main_file(const std::filesystem::path& path) {
    if (const auto text = read_text(path, "the configuration file")) read_main_text(*text, path, true);
  }

  void read_main_text(std::string_view toml, const std::filesystem::path& name, bool may_include) {
    const std::optional<Node> root = parse(toml, name);
    if (!root) return;
    TableReader reader(findings_, name, *root, "", "");
    std::vector<Inclusion> inclusions = read_include(reader, may_include);
    read_service(reader);
    read_sources_and_models(reader);
    reader.refuse("artifacts", "artifacts are kept in the registry in this version of retraind; leave [artifacts] out");
    reader.finish();
    for (const Inclusion& inclusion : inclusions) read_included(name, inclusion);
  }

  void read_service_of(const std::filesystem::path& path) {
    const auto text = read_text(path, "the configuration file");
    if (!text) return;
    const std::optional<Node> root = parse(*text, path);
    if (!root) return;
    TableReader reader(findings_, path, *root, "", "");
    read_service(reader);
  }

  // All files are read: what holds between tables, wherever they stand.
  Loaded finish() && {
    std::vector<std::string> known;
    for (const auto& [name, source] : settings_.sources) known.push_back(name);
    for (const SourceUse& use : source_uses_) {
      if (settings_.sources.contains(use.source)) continue;
      std::string message = fmt::format("{}.source: there is no [source.{}]", use.path, printable(use.source));
      if (const auto near = nearest(use.source, known)) message += fmt::format("; did you mean \"{}\"?", *near);
      findings_.complain(use.file, use.place, std::move(message));
    }
    std::map<std::filesystem::path, std::size_t> position;
    for (const auto& file : settings_.files) position.emplace(file, position.size());
    const auto order = [&position](const Complaint& complaint) {
      const auto file = position.find(complaint.file);
      return std::tuple(file == position.end() ? 0 : file->second, complaint.line, complaint.column);
    };
    std::stable_sort(findings_.complaints.begin(), findings_.complaints.end(),
                     [&order](const Complaint& a, const Complaint& b) { return order(a) < order(b); });
    return {std::move(settings_), std::move(findings_.complaints), {}, std::move(findings_.mentions)};
  }

 private:
  struct Inclusion {
    std::string pattern;
    Place place;
  };
  struct Definition {
    std::filesystem::path file;
    Place place;
  };

  std::optional<std::string> read_text(const std::filesystem::path& path, std::string_view what) {
    FileText file = read_file(path, kMaxFileBytes);
    if (!file.text) findings_.complain(path, {}, fmt::format("{} {}", what, file.problem));
    return std::move(file.text);
  }

  std::optional<Node> parse(std::string_view toml, const std::filesystem::path& name) {
    settings_.files.push_back(name);
    return parse_document(toml, name, findings_.complaints);
  }

  // The tables that stand in the main file alone.
  void read_service(TableReader& reader) {
    if (auto daemon = reader.table("daemon")) read_daemon(*daemon, settings_.daemon);
    reader.require("registry");
    if (auto registry = reader.table("registry")) read_registry(*registry, settings_.registry);
    if (auto log = reader.table("log")) read_log(*log, settings_.log);
    if (auto http = reader.table("http")) read_http(*http, settings_.http);
    if (auto security = reader.table("security")) read_security(*security, settings_.security);
    if (auto retention = reader.table("retention")) read_retention(*retention, settings_.retention);
  }

  std::vector<Inclusion> read_include(TableReader& reader, bool may_include) {
    constexpr std::string_view kExpected = "an array of paths or patterns such as \"models.d/*.toml\"";
    std::vector<std::string> patterns;
    if (!reader.texts("include", patterns, kExpected) || patterns.empty()) return {};
    if (!may_include) {
      reader.complain("include", "nothing can be included here");
      return {};
    }
    std::vector<Inclusion> out;
    const auto& array = std::get<Node::Array>(reader.ask("include", std::string(kExpected), "")->node.value);
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      out.push_back({patterns[i], array[i].place});
      const std::filesystem::path folder = fixed_folder(reader.file().parent_path(), patterns[i]);
      findings_.mentions.push_back({Mention::What::include,
                                    "include",
                                    reader.file(),
                                    array[i].place.line,
                                    array[i].place.column,
                                    {folder.string()}});
    }
    return out;
  }

  void read_included(const std::filesystem::path& main, const Inclusion& inclusion) {
    for (const auto& path : expand(main.parent_path(), inclusion.pattern)) {
      // A file matched by two patterns is read once, and a pattern may match the main file itself.
      if (!included_.insert(std::filesystem::weakly_canonical(path)).second) continue;
      std::error_code ignored;
      if (std::filesystem::equivalent(path, main, ignored)) continue;
      FileText file = read_file(path, kMaxFileBytes);
      if (!file.text) {
        findings_.complain(main, inclusion.place, fmt::format("include: {} {}", path.string(), file.problem));
        continue;
      }
      const std::optional<Node> root = parse(*file.text, path);
      if (!root) continue;
      TableReader reader(findings_, path, *root, "", "");
      reader.refuse("include", "an included file cannot include another; name it in the main file");
      for (const std::string_view key : {"daemon", "registry", "log", "http", "security", "retention", "artifacts"}) {
        reader.refuse(key, "an included file holds sources and models only; this belongs in the main file");
      }
      read_sources_and_models(reader);
      reader.finish();
    }
  }

  void read_sources_and_models(TableReader& reader) {
    for (auto& [entry, table] : reader.named_tables("source")) {
      Source source;
      source.name = entry->key;
      read_source(table, source);
      if (define("source", *entry, table, sources_)) settings_.sources.emplace(source.name, std::move(source));
    }
    for (auto& [entry, table] : reader.named_tables("model")) {
      Model model;
      model.name = entry->key;
      read_model(table, model, source_uses_);
      if (!define("model", *entry, table, models_)) continue;
      if (!model.release.directory.empty()) claim_directory(*table.table("release"), model);
      settings_.models.emplace(model.name, std::move(model));
    }
  }

  // Complains about a name that is no name or is taken.
  bool define(std::string_view what, const Entry& entry, TableReader& table,
              std::map<std::string, Definition>& definitions) {
    if (!is_name(entry.key)) {
      table.complain_at(entry.place,
                        fmt::format("{}.{}: the name of a {} is {}", what, printable(entry.key), what, kNameForm));
      return false;
    }
    const auto [first, is_new] = definitions.try_emplace(entry.key, Definition{table.file(), table.place()});
    if (is_new) return true;
    const Definition& other = first->second;
    table.complain_at(table.place(), fmt::format("{} '{}' is defined twice: here and at {}:{}:{}", what, entry.key,
                                                 other.file.string(), other.place.line, other.place.column));
    return false;
  }

  // Two models in one directory would overwrite each other's versions.
  void claim_directory(TableReader release, const Model& model) {
    std::filesystem::path directory = model.release.directory.lexically_normal();
    if (!directory.has_filename()) directory = directory.parent_path();
    const auto [first, is_new] = directories_.try_emplace(directory, model.name);
    if (is_new) return;
    release.complain("directory", fmt::format("model '{}' is released to this directory already, and its versions are "
                                              "not those of '{}'",
                                              first->second, model.name));
  }

  Settings settings_;
  Findings findings_;
  std::map<std::string, Definition> sources_;
  std::map<std::string, Definition> models_;
  std::vector<SourceUse> source_uses_;
  std::map<std::filesystem::path, std::string> directories_;  // and the model that is released there
  std::set<std::filesystem::path> included_;
};

}  // namespace

std::string Complaint::text() const {
  if (line == 0) return fmt::format("{}: {}", file.string(), message);
  return fmt::format("{}:{}:{}: {}", file.string(), line, column, message);
}

Loaded load(const std::filesystem::path& main, std::string_view instance) {
  Load load(instance);
  load.read_main_file(main);
  return std::move(load).finish();
}

Loaded load_service(const std::filesystem::path& main, std::string_view instance) {
  Load load(instance);
  load.read_service_of(main);
  return std::move(load).finish();
}

Loaded load_text(std::string_view toml, const std::filesystem::path& name, std::string_view instance) {
  Load load(instance);
  load.read_main_text(toml, name, false);
  return std::move(load).finish();
}

std::vector<KnownKey> known_keys() {
  // A file with every kind of table in it; what it lacks inside them does not matter.
  constexpr std::string_view kEveryTable = R"(
    [daemon]
    [registry]
    [log]
    [http]
    [security]
    [retention]
    [source.s]
    [model.m.training]
    [model.m.training.search]
    [model.m.data]
    [model.m.data.column.c]
    [model.m.scoring]
    [model.m.validation]
    [[model.m.validation.gate]]
    [model.m.release]
    [[model.m.trigger]]
    on = "schedule"
    [[model.m.trigger]]
    on = "new_rows"
    [[model.m.trigger]]
    on = "drift"
    [[model.m.trigger]]
    on = "performance"
    [[model.m.trigger]]
    on = "performance"
    detect = "adwin"
    [[model.m.trigger]]
    on = "performance"
    detect = "page_hinkley"
    [[model.m.trigger]]
    on = "performance"
    detect = "risk"
    [[model.m.trigger]]
    on = "signal"
    [[model.m.trigger]]
    on = "query"
    [[model.m.trigger]]
    on = "prometheus"
    [[model.m.trigger]]
    on = "freshness"
    [[model.m.trigger]]
    on = "pipeline_change"
  )";
  std::vector<KnownKey> keys;
  Load("", &keys).read_main_text(kEveryTable, "every_table.toml", false);
  const auto same = [](const KnownKey& a, const KnownKey& b) {
    return std::tie(a.section, a.kind, a.key, a.expected, a.fallback) ==
           std::tie(b.section, b.kind, b.key, b.expected, b.fallback);
  };
  std::vector<KnownKey> out;
  for (KnownKey& key : keys) {
    const auto is_same = [&](const KnownKey& other) { return same(other, key); };
    if (std::none_of(out.begin(), out.end(), is_same)) out.push_back(std::move(key));
  }
  return out;
}

}  // namespace retraind::settings
