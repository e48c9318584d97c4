#include "core/settings/training_json.h"

#include <boost/json.hpp>

#include "core/settings/forms.h"
#include "core/settings/json_values.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

// A share is a number, exactly; a duration is its text.
json::value holdout(const Holdout& value) {
  if (const auto* share = std::get_if<HoldoutShare>(&value)) return share->share;
  return text(format_holdout(value));
}

json::value parameter(const Parameter& value) {
  return std::visit(
      [](const auto& concrete) -> json::value {
        if constexpr (std::is_same_v<std::decay_t<decltype(concrete)>, std::string>) {
          return text(concrete);
        } else {
          return concrete;
        }
      },
      value);
}

json::object params(const std::map<std::string, Parameter>& values) {
  json::object out;
  for (const auto& [name, value] : values) out[name] = parameter(value);
  return out;
}

// A number on the number axis, a text on the axis of instants.
json::value since(const std::optional<Since>& value) {
  if (!value) return nullptr;
  if (value->axis == TimeAxis::number) return value->from;
  return text(format_event_time(value->axis, value->from));
}

json::value class_weights(const ClassWeights& value) {
  if (std::holds_alternative<ClassWeightsBalanced>(value)) return "balanced";
  const auto* weights = std::get_if<std::map<std::string, double>>(&value);
  if (weights == nullptr) return nullptr;
  json::object out;
  for (const auto& [label, weight] : *weights) out[label] = weight;
  return out;
}

json::value search(const std::optional<Search>& value) {
  if (!value) return nullptr;
  json::object varied;
  for (const auto& [name, values] : value->params) {
    json::array& array = varied[name].emplace_array();
    for (const Parameter& one : values) array.push_back(parameter(one));
  }
  return json::object{{"params", std::move(varied)}, {"trials", value->trials}, {"share", value->share}};
}

json::object command(const Command& value) {
  json::object environment;
  for (const auto& [name, content] : value.environment) environment[name] = text(content);
  json::array files;
  for (const auto& file : value.files) files.push_back(text(file.string()));
  return {{"train", texts(value.train)},
          {"predict", texts(value.predict)},
          {"environment", std::move(environment)},
          {"pass_environment", texts(value.pass_environment)},
          {"files", std::move(files)},
          {"log_limit_bytes", value.log_limit_bytes},
          {"disk_limit_bytes", value.disk_limit_bytes},
          {"max_processes", value.max_processes}};
}

void read_holdout(JsonReader& reader, Holdout& out) {
  const json::value* value = reader.ask("holdout");
  if (value == nullptr) return;
  if (value->is_number()) {
    out = HoldoutShare{value->to_number<double>()};
  } else {
    reader.form("holdout", out, parse_holdout);
  }
}

std::optional<Parameter> read_parameter(const json::value& value) {
  if (value.is_bool()) return value.get_bool();
  if (value.is_int64()) return value.get_int64();
  if (value.is_double()) return value.get_double();
  if (value.is_string()) return std::string(value.get_string());
  return std::nullopt;
}

void read_params(JsonReader& reader, std::map<std::string, Parameter>& out) {
  constexpr std::string_view kExpected = "an object of strings, numbers and booleans";
  const json::value* value = reader.ask("params");
  if (value == nullptr) return;
  if (!value->is_object()) reader.reject("params", "an object");
  for (const auto& pair : value->get_object()) {
    auto found = read_parameter(pair.value());
    if (!found) reader.reject("params", kExpected);
    out[std::string(pair.key())] = std::move(*found);
  }
}

void read_since(JsonReader& reader, std::optional<Since>& out) {
  const json::value* value = reader.ask("since");
  if (value == nullptr) return;
  if (value->is_number()) {
    out = Since{.axis = TimeAxis::number, .from = value->to_number<double>()};
    return;
  }
  const auto instant = value->is_string() ? parse_instant(value->get_string()) : std::nullopt;
  if (!instant) reader.reject("since", "an instant or a number");
  out = Since{.axis = TimeAxis::instant, .from = to_event_time(*instant)};
}

void read_class_weights(JsonReader& reader, ClassWeights& out) {
  constexpr std::string_view kExpected = "\"balanced\" or an object of numbers above 0";
  const json::value* value = reader.ask("class_weights");
  if (value == nullptr) return;
  if (value->is_string() && value->get_string() == "balanced") {
    out = ClassWeightsBalanced{};
    return;
  }
  if (!value->is_object()) reader.reject("class_weights", kExpected);
  std::map<std::string, double> weights;
  for (const auto& pair : value->get_object()) {
    const bool fits = pair.value().is_number() && pair.value().to_number<double>() > 0;
    if (!fits) reader.reject("class_weights", kExpected);
    weights[std::string(pair.key())] = pair.value().to_number<double>();
  }
  out = std::move(weights);
}

void read_search(JsonReader& reader, std::optional<Search>& out) {
  auto search = reader.below("search");
  if (!search) return;
  constexpr std::string_view kExpected = "an object of arrays of strings, numbers and booleans";
  search->require("params");
  const json::value& params = *search->ask("params");
  if (!params.is_object()) search->reject("params", kExpected);
  Search found;
  for (const auto& pair : params.get_object()) {
    if (!pair.value().is_array() || pair.value().get_array().empty()) search->reject("params", kExpected);
    std::vector<Parameter>& values = found.params[std::string(pair.key())];
    for (const json::value& element : pair.value().get_array()) {
      auto value = read_parameter(element);
      if (!value) search->reject("params", kExpected);
      values.push_back(std::move(*value));
    }
  }
  search->read("trials", found.trials);
  search->read("share", found.share);
  search->finish();
  out = std::move(found);
}

void read_command(JsonReader& reader, Command& out) {
  auto command = reader.below("command");
  if (!command) return;
  command->read("train", out.train);
  command->read("predict", out.predict);
  command->read("environment", out.environment);
  command->read("pass_environment", out.pass_environment);
  std::vector<std::string> files;
  command->read("files", files);
  out.files.assign(files.begin(), files.end());
  command->read("log_limit_bytes", out.log_limit_bytes);
  command->read("disk_limit_bytes", out.disk_limit_bytes);
  command->read("max_processes", out.max_processes);
  command->finish();
}

}  // namespace

json::object training_json(const Training& value) {
  return {{"trainer", text(value.trainer)},
          {"command", command(value.command)},
          {"window", text(format_window(value.window))},
          {"since", since(value.since)},
          {"sample_rows", optional_value(value.sample_rows)},
          {"holdout", holdout(value.holdout)},
          {"embargo", duration(value.embargo)},
          {"class_weights", class_weights(value.class_weights)},
          {"keep_majority", value.keep_majority},
          {"warm_start", value.warm_start},
          {"search", search(value.search)},
          {"keep_data", value.keep_data},
          {"min_rows", value.min_rows},
          {"rounds", value.rounds},
          {"params", params(value.params)},
          {"seed", value.seed},
          {"timeout", duration(value.timeout)},
          {"memory_limit_bytes", value.memory_limit_bytes},
          {"threads", value.threads},
          {"max_attempts", value.max_attempts},
          {"entity", optional_text(value.entity)},
          {"refit", value.refit}};
}

void read_training(JsonReader& reader, Training& out) {
  reader.read("trainer", out.trainer);
  read_command(reader, out.command);
  reader.form("window", out.window, parse_window);
  read_since(reader, out.since);
  reader.read("sample_rows", out.sample_rows);
  read_holdout(reader, out.holdout);
  reader.read("embargo", out.embargo);
  read_class_weights(reader, out.class_weights);
  reader.read("keep_majority", out.keep_majority);
  reader.read("warm_start", out.warm_start);
  read_search(reader, out.search);
  reader.read("keep_data", out.keep_data);
  reader.read("min_rows", out.min_rows);
  reader.read("rounds", out.rounds);
  read_params(reader, out.params);
  reader.read("seed", out.seed);
  reader.read("timeout", out.timeout);
  reader.read("memory_limit_bytes", out.memory_limit_bytes);
  reader.read("threads", out.threads);
  reader.read("max_attempts", out.max_attempts);
  reader.read("entity", out.entity);
  reader.read("refit", out.refit);
  reader.finish();
}

}  // namespace retraind::settings
