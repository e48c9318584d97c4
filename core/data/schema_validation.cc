// Columns against what an expectation and the rules say of them.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/text.h"
#include "core/data/sql_text.h"
#include "core/data/validation.h"

namespace retraind::data {
namespace {

// The short names that people use, and PostgreSQL's own.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kShortTypes{{
    {"int2", "smallint"},
    {"int", "integer"},
    {"int4", "integer"},
    {"int8", "bigint"},
    {"float4", "real"},
    {"float", "double precision"},
    {"float8", "double precision"},
    {"decimal", "numeric"},
    {"bool", "boolean"},
    {"varchar", "character varying"},
    {"char", "character"},
    {"timestamp", "timestamp without time zone"},
    {"timestamptz", "timestamp with time zone"},
}};

// Whether a column is of the type that a rule names: in full or in short; without a length or precision, any will do.
bool is_of_type(std::string_view sql_type, std::string_view rule) {
  std::string wanted(rule);
  std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const std::size_t bracket = std::min(wanted.find('('), wanted.size());
  for (const auto& [name, full] : kShortTypes) {
    if (std::string_view(wanted).substr(0, bracket) != name) continue;
    wanted = std::string(full) + wanted.substr(bracket);
    break;
  }
  // format_type writes "timestamp(3) with time zone": what stands in parentheses may stand in the middle.
  std::string plain(sql_type);
  if (const std::size_t open = plain.find('('); open != std::string::npos) {
    plain.erase(open, plain.find(')', open) - open + 1);
  }
  return wanted == sql_type || wanted == plain || rule == sql_type;
}

// What columns are for, by their names alone.
class Duties {
 public:
  explicit Duties(const settings::Model& model) : model_(model) {
    named_ = {model.time_column, model.label};
    if (model.weight) named_.insert(*model.weight);
    if (model.training.entity) hashed_.insert(*model.training.entity);
    if (const auto* cluster = std::get_if<settings::ClusterColumn>(&model.validation.cluster)) {
      hashed_.insert(cluster->column);
    }
    for (const settings::Gate& gate : model.validation.gates) {
      if (gate.slices) slices_.insert(gate.slices->column);
    }
    keys_.insert(model.data.unique.begin(), model.data.unique.end());
  }

  bool is_feature(const std::string& name) const {
    const auto& features = model_.features;
    if (!features.empty()) return std::find(features.begin(), features.end(), name) != features.end();
    return !named_.contains(name) && !hashed_.contains(name);
  }
  // Whether its values are kept.
  bool is_kept(const std::string& name) const {
    return is_feature(name) || named_.contains(name) || slices_.contains(name);
  }
  bool has_any(const std::string& name) const {
    return is_kept(name) || hashed_.contains(name) || keys_.contains(name);
  }

 private:
  const settings::Model& model_;
  std::set<std::string> named_;
  std::set<std::string> hashed_;
  std::set<std::string> slices_;
  std::set<std::string> keys_;
};

class SchemaValidation {
 public:
  SchemaValidation(const std::vector<SourceColumn>& columns, const settings::Model& model)
      : columns_(columns), model_(model), duties_(model) {
    for (const SourceColumn& column : columns) names_.push_back(column.name);
  }

  void check_rules() {
    for (const auto& [name, rule] : model_.data.columns) {
      const SourceColumn* column = find(name);
      if (column == nullptr) {
        complain_of_missing(name, fmt::format("which the data rules of {} name", model_.name));
        continue;
      }
      if (rule.type && !is_of_type(column->sql_type, *rule.type)) {
        settled_.insert(name);
        stop("type", name,
             fmt::format("the column {} is {}, and the data rules of {} want {}: cast it in the query, as in "
                         "CAST({} AS {}) AS {}",
                         quoted_name(name), column->sql_type, model_.name, *rule.type, quoted_name(name), *rule.type,
                         quoted_name(name)));
      }
      check_values_can_be_looked_at(*column, rule);
    }
    for (const std::string& name : model_.data.unique) {
      if (find(name) == nullptr && !settled_.contains(name)) {
        complain_of_missing(name, "which belongs to the unique key");
      }
    }
  }

  void check_expectation(const Expectation& expectation) {
    std::set<std::string> expected_names;
    for (const ExpectedColumn& expected : expectation.columns) {
      expected_names.insert(expected.name);
      // What had a duty then and has none now, such as the column of a gate that is gone, is nobody's loss.
      if (settled_.contains(expected.name) || !duties_.has_any(expected.name)) continue;
      const SourceColumn* column = find(expected.name);
      if (column == nullptr) {
        complain_of_missing(expected.name, "which was there when the model was first promoted under this query");
      } else if (column->type != expected.type) {
        stop("type", expected.name,
             fmt::format("the column {} is {} ({}), and was {} ({}) when the model was first promoted under this "
                         "query: cast it in the query, or change the query where the new type is meant to stay",
                         quoted_name(expected.name), column->sql_type, to_text(column->type), expected.sql_type,
                         to_text(expected.type)));
      } else if (column->sql_type != expected.sql_type) {
        tell("sql_type", expected.name,
             fmt::format("the column {} is {} now, and was {} when the model was first promoted under this query",
                         quoted_name(expected.name), column->sql_type, expected.sql_type));
      }
    }
    for (const SourceColumn& column : columns_) {
      if (!duties_.is_feature(column.name) || expected_names.contains(column.name)) continue;
      tell("column_new", column.name,
           fmt::format("the query returns the column {} ({}), which was not there when the model was first promoted "
                       "under this query, and which is a feature now: list `features` to leave it out",
                       quoted_name(column.name), column.sql_type));
    }
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  const SourceColumn* find(const std::string& name) const {
    const auto found =
        std::find_if(columns_.begin(), columns_.end(), [&](const SourceColumn& column) { return column.name == name; });
    return found == columns_.end() ? nullptr : &*found;
  }

  void add(FindingKind kind, std::string check, const std::string& column, std::string sentence) {
    Finding& finding = findings_.emplace_back();
    finding.kind = kind;
    finding.check = std::move(check);
    finding.column = column;
    finding.stops = kind == FindingKind::schema;
    finding.sentence = std::move(sentence);
  }
  void stop(std::string check, const std::string& column, std::string sentence) {
    add(FindingKind::schema, std::move(check), column, std::move(sentence));
  }
  void tell(std::string check, const std::string& column, std::string sentence) {
    add(FindingKind::warning, std::move(check), column, std::move(sentence));
  }

  void complain_of_missing(const std::string& name, const std::string& why) {
    settled_.insert(name);
    std::string sentence = fmt::format("the query does not return the column {}, {}", quoted_name(name), why);
    if (const auto meant = nearest(name, names_)) sentence += ", nearest is " + quoted_name(*meant);
    stop("column_missing", name, std::move(sentence));
  }

  void check_values_can_be_looked_at(const SourceColumn& column, const settings::ColumnRule& rule) {
    if (!rule.max_null_share && !rule.min && !rule.max && !rule.allowed) return;
    const std::string name = quoted_name(column.name);
    if (!duties_.is_kept(column.name)) {
      stop("not_read", column.name,
           fmt::format("the data rules of {} say what values the column {} may hold, and its values are not read: list "
                       "it in `features`, or keep only the rule of its type",
                       model_.name, name));
      return;
    }
    if ((rule.min || rule.max) && column.type != ValueType::number) {
      stop("range", column.name,
           fmt::format("the data rules of {} give {} a min or max, and it is {}, which is no number: take the bounds "
                       "away, or cast it in the query",
                       model_.name, name, column.sql_type));
    }
    if (rule.allowed && column.type == ValueType::instant) {
      stop("allowed", column.name,
           fmt::format("the data rules of {} list what {} may be, and it is {}: of an instant that cannot be looked at",
                       model_.name, name, column.sql_type));
    }
  }

  const std::vector<SourceColumn>& columns_;
  const settings::Model& model_;
  Duties duties_;
  std::vector<std::string> names_;
  std::set<std::string> settled_;  // columns that have been complained of
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> validate_schema(const std::vector<SourceColumn>& columns, const settings::Model& model,
                                     const std::optional<Expectation>& expectation) {
  SchemaValidation validation(columns, model);
  validation.check_rules();
  // Without columns it only knows how many rows there were.
  if (expectation && !expectation->columns.empty() && model.data.schema == ExpectedSchema::learned) {
    validation.check_expectation(*expectation);
  }
  return validation.take();
}

}  // namespace retraind::data
