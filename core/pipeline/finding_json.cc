#include "core/pipeline/finding_json.h"

#include <algorithm>

#include "core/pipeline/json_access.h"
#include "core/settings/canonical_json.h"

namespace retraind::pipeline {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostFindings = 10000;
constexpr std::size_t kMostTrials = 10000;
// Of a sentence or a query in a row of the registry. A query that shows rows holds the model's own, and may name every
// column twice.
constexpr std::size_t kLongestText = 1024 * 1024;

const json::array& list_of(const json::value& value, const char* what, std::size_t most) {
  const auto* list = value.if_array();
  if (list == nullptr) throw DataError(fmt::format("the result's {} are no list", what));
  if (list->size() > most) throw DataError(fmt::format("the result has {} {}, more than {}", list->size(), what, most));
  return *list;
}

std::string short_text(const ObjectReader& reader, std::string_view name) {
  std::string text = reader.text(name);
  if (text.size() > kLongestText) throw DataError(fmt::format("{}: \"{}\" is too long", reader.what(), name));
  return text;
}

json::value count_or_null(const std::optional<std::uint64_t>& count) {
  return count ? json::value(*count) : json::value(nullptr);
}

settings::Parameter read_parameter(const json::value& value, const std::string& name) {
  if (const auto* flag = value.if_bool()) return *flag;
  if (const auto* text = value.if_string()) return std::string(text->data(), text->size());
  if (value.is_object()) return ObjectReader(value, "the parameter " + name).number("real");
  boost::system::error_code error;
  const auto whole = value.to_number<std::int64_t>(error);
  if (error) throw DataError(fmt::format("the parameter \"{}\" cannot be read", name));
  return whole;
}

}  // namespace

json::value write_parameters(const std::map<std::string, settings::Parameter>& parameters) {
  json::object out;
  for (const auto& [name, parameter] : parameters) {
    out[name] = std::visit(
        [](const auto& value) -> json::value {
          using Value = std::decay_t<decltype(value)>;
          if constexpr (std::is_same_v<Value, double>) return {{"real", exact(value)}};
          return json::value_from(value);
        },
        parameter);
  }
  return out;
}

std::map<std::string, settings::Parameter> read_parameters(const json::value& value) {
  const auto* object = value.if_object();
  if (object == nullptr) throw DataError("a trainer's parameters are no object");
  std::map<std::string, settings::Parameter> out;
  for (const auto& [name, parameter] : *object) out[name] = read_parameter(parameter, name);
  return out;
}

std::string plain_json(const std::map<std::string, settings::Parameter>& parameters) {
  json::object out;
  for (const auto& [name, parameter] : parameters) {
    out[name] = std::visit([](const auto& value) { return json::value_from(value); }, parameter);
  }
  return settings::canonical_text(out);
}

json::value write_findings(const std::vector<data::Finding>& findings) {
  json::array out;
  for (const data::Finding& finding : findings) {
    out.push_back({{"kind", to_text(finding.kind)},
                   {"check", finding.check},
                   {"column", finding.column},
                   {"rows", count_or_null(finding.rows)},
                   {"observed", exact_or_null(finding.observed)},
                   {"threshold", exact_or_null(finding.threshold)},
                   {"stops", finding.stops},
                   {"sentence", finding.sentence},
                   {"query", finding.query}});
  }
  return out;
}

std::vector<data::Finding> read_findings(const json::value& value) {
  std::vector<data::Finding> out;
  for (const json::value& item : list_of(value, "findings", kMostFindings)) {
    const ObjectReader reader(item, "a finding");
    out.push_back({.kind = reader.word<FindingKind>("kind"),
                   .check = short_text(reader, "check"),
                   .column = short_text(reader, "column"),
                   .rows = reader.has("rows") ? std::optional(reader.integer<std::uint64_t>("rows")) : std::nullopt,
                   .observed = reader.optional_number("observed"),
                   .threshold = reader.optional_number("threshold"),
                   .stops = reader.boolean("stops"),
                   .sentence = short_text(reader, "sentence"),
                   .query = short_text(reader, "query")});
  }
  return out;
}

json::value write_trials(const std::vector<SearchTrial>& trials) {
  json::array out;
  for (const SearchTrial& trial : trials) {
    out.push_back({{"number", trial.number},
                   {"params", write_parameters(trial.params)},
                   {"value", exact_or_null(trial.value)},
                   {"fault", trial.fault},
                   {"train_rows", trial.train_rows},
                   {"rows", trial.rows},
                   {"seconds", exact(trial.seconds)},
                   {"chosen", trial.chosen}});
  }
  return out;
}

std::vector<SearchTrial> read_trials(const json::value& value) {
  std::vector<SearchTrial> out;
  for (const json::value& item : list_of(value, "search trials", kMostTrials)) {
    const ObjectReader reader(item, "a search trial");
    out.push_back({.number = reader.integer<int>("number"),
                   .params = read_parameters(reader.member("params")),
                   .value = reader.optional_number("value"),
                   .fault = short_text(reader, "fault"),
                   .train_rows = reader.integer<std::uint64_t>("train_rows"),
                   .rows = reader.integer<std::uint64_t>("rows"),
                   .seconds = reader.number("seconds"),
                   .chosen = reader.boolean("chosen")});
  }
  const auto chosen = std::count_if(out.begin(), out.end(), [](const SearchTrial& trial) { return trial.chosen; });
  // The best is chosen, where any has a value; a search in which none has is told of by a run that failed.
  const bool any =
      std::any_of(out.begin(), out.end(), [](const SearchTrial& trial) { return trial.value.has_value(); });
  if (chosen != (any ? 1 : 0)) throw DataError(fmt::format("the result's search has chosen {} trials", chosen));
  return out;
}

}  // namespace retraind::pipeline
