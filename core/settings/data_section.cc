#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

// false and "off" turn the search for leaks off.
void read_leakage(TableReader& reader, std::optional<double>& out) {
  constexpr std::string_view kExpected = R"(a number above 0.5 and at most 1, or false or "off")";
  const Entry* entry = reader.ask("leakage", std::string(kExpected), format_number(out.value()));
  if (entry == nullptr) return;
  const auto* flag = std::get_if<bool>(&entry->node.value);
  const auto* word = std::get_if<std::string>(&entry->node.value);
  const auto number = finite_number(entry->node);
  if ((flag != nullptr && !*flag) || (word != nullptr && *word == "off")) {
    out.reset();
  } else if (number && *number > 0.5 && *number <= 1) {
    out = number;
  } else {
    reader.complain("leakage", fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
  }
}

struct Spelling {
  std::string_view alias;
  std::string_view type;  // as PostgreSQL's format_type spells it
};
constexpr std::array<Spelling, 15> kSpellings = {{{"int2", "smallint"},
                                                  {"int", "integer"},
                                                  {"int4", "integer"},
                                                  {"int8", "bigint"},
                                                  {"float4", "real"},
                                                  {"float", "double precision"},
                                                  {"float8", "double precision"},
                                                  {"double", "double precision"},
                                                  {"decimal", "numeric"},
                                                  {"bool", "boolean"},
                                                  {"varchar", "character varying"},
                                                  {"char", "character"},
                                                  {"bpchar", "character"},
                                                  {"timestamp", "timestamp without time zone"},
                                                  {"timestamptz", "timestamp with time zone"}}};

void read_type(TableReader& reader, std::optional<std::string>& out) {
  std::string type;
  if (!reader.text("type", type, "a type as PostgreSQL spells it, such as \"double precision\"")) return;
  // "varchar(10)" is an alias with its modifier, "decimal(10,2)" likewise.
  const std::size_t modifier = std::min(type.find('('), type.size());
  const std::string_view base = std::string_view(type).substr(0, modifier);
  const auto alias =
      std::find_if(kSpellings.begin(), kSpellings.end(), [base](const Spelling& s) { return s.alias == base; });
  if (alias != kSpellings.end()) {
    // "timestamp(3) without time zone": the modifier stands behind the first word.
    const std::size_t word = std::min(alias->type.find(" with"), alias->type.size());
    reader.complain(
        "type", fmt::format("PostgreSQL spells \"{}\" as \"{}{}{}\"; write it so here", printable(type),
                            alias->type.substr(0, word), printable(type.substr(modifier)), alias->type.substr(word)));
    return;
  }
  out = std::move(type);
}

bool is_number_type(std::string_view type) {
  constexpr std::array<std::string_view, 6> kNumbers = {"smallint", "integer",          "bigint",
                                                        "real",     "double precision", "numeric"};
  return std::any_of(kNumbers.begin(), kNumbers.end(), [type](std::string_view number) {
    return type == number || (number == "numeric" && type.starts_with("numeric("));
  });
}

void read_allowed(TableReader& reader, std::optional<std::vector<std::string>>& out) {
  constexpr std::string_view kExpected = "an array of strings, numbers or booleans";
  const Entry* entry = reader.ask("allowed", std::string(kExpected), "");
  if (entry == nullptr) return;
  const auto* array = std::get_if<Node::Array>(&entry->node.value);
  if (array == nullptr || array->empty()) {
    reader.complain("allowed", fmt::format("expected {}, found {}", kExpected,
                                           array == nullptr ? describe(entry->node) : "an empty one"));
    return;
  }
  std::vector<std::string> values;
  for (const Node& element : *array) {
    auto text = value_text(element);
    if (!text) {
      reader.complain_at(element.place, fmt::format("{}.allowed: expected {}, found {} in it", reader.path(), kExpected,
                                                    describe(element)));
      return;
    }
    if (std::find(values.begin(), values.end(), *text) != values.end()) {
      reader.complain_at(element.place,
                         fmt::format("{}.allowed: {} stands in it twice", reader.path(), describe(element)));
      return;
    }
    values.push_back(std::move(*text));
  }
  out = std::move(values);
}

ColumnRule read_rule(TableReader& reader) {
  ColumnRule out;
  read_type(reader, out.type);
  reader.real("max_null_share", out.max_null_share, {0, true, 1.0});
  reader.real("min", out.min, kAnyNumber);
  reader.real("max", out.max, kAnyNumber);
  read_allowed(reader, out.allowed);
  reader.finish();
  if (out.min && out.max && *out.min > *out.max) {
    reader.complain("max", fmt::format("no number is at least {} and at most {}", format_number(*out.min),
                                       format_number(*out.max)));
  }
  if (out.type && !is_number_type(*out.type)) {
    for (const std::string_view key : {"min", "max"}) {
      if (reader.has(key)) {
        reader.complain(
            key, fmt::format("only numbers have bounds, and the type of this column is {}", printable(*out.type)));
      }
    }
  }
  return out;
}

// The columns that are read, as far as the configuration names them; std::nullopt where it takes them all.
std::optional<std::vector<std::string>> columns_read(const Model& model, const std::vector<std::string>& unique) {
  if (model.features.empty()) return std::nullopt;
  std::vector<std::string> out = model.features;
  out.insert(out.end(), unique.begin(), unique.end());
  out.push_back(model.label);
  out.push_back(model.time_column);
  if (model.weight) out.push_back(*model.weight);
  if (model.training.entity) out.push_back(*model.training.entity);
  if (const auto* cluster = std::get_if<ClusterColumn>(&model.validation.cluster)) out.push_back(cluster->column);
  for (const Gate& gate : model.validation.gates) {
    if (gate.slices) out.push_back(gate.slices->column);
  }
  return out;
}

void read_columns(TableReader& reader, const Model& model, const std::vector<std::string>& unique,
                  std::map<std::string, ColumnRule>& out) {
  const auto known = columns_read(model, unique);
  for (auto& [entry, table] : reader.named_tables("column")) {
    out[entry->key] = read_rule(table);
    if (entry->key.empty() || entry->key.find('\0') != std::string::npos) {
      table.complain_at(entry->place, fmt::format("{}: this is no name of a column", table.path()));
    } else if (known && std::find(known->begin(), known->end(), entry->key) == known->end()) {
      const auto near = nearest(entry->key, *known);
      table.complain_at(entry->place,
                        fmt::format("{}: the column is not read, since `features` does not name it{}", table.path(),
                                    near ? fmt::format("; did you mean \"{}\"?", printable(*near)) : ""));
    }
  }
}

}  // namespace

void read_data(TableReader& reader, const Model& model, bool training_is_sure, DataRules& out) {
  reader.word("schema", out.schema);
  reader.word("on_break", out.on_break);
  reader.integer("min_rows", out.min_rows, {1, static_cast<std::int64_t>(kMostRows)});
  reader.duration("max_age", out.max_age);
  reader.real("max_row_change", out.max_row_change, {0, false, std::nullopt});
  reader.real("null_tolerance", out.null_tolerance, {0, false, 1.0, true});
  reader.texts("unique", out.unique, "an array of columns' names");
  reader.real("max_duplicates", out.max_duplicates, {0, true, 1.0});
  read_leakage(reader, out.leakage);
  read_columns(reader, model, out.unique, out.columns);
  reader.finish();
  const auto* window = std::get_if<WindowRows>(&model.training.window);
  if (training_is_sure && window != nullptr && out.min_rows && *out.min_rows > window->rows) {
    reader.complain("min_rows", fmt::format("a window of {} rows never holds {}", window->rows, *out.min_rows));
  }
}

}  // namespace retraind::settings
