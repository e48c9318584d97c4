#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

constexpr std::array<std::string_view, 2> kTrainers = {"xgboost", "command"};

// std::nullopt after a complaint.
std::optional<std::string> read_trainer(TableReader& reader, std::string& out) {
  constexpr std::string_view kExpected = R"("xgboost" or "command")";
  const Entry* entry = reader.ask("trainer", std::string(kExpected), TableReader::quoted(out));
  if (entry == nullptr) return out;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  if (text != nullptr && std::find(kTrainers.begin(), kTrainers.end(), *text) != kTrainers.end()) return out = *text;
  std::string hint;
  if (text != nullptr) {
    const std::vector<std::string> known(kTrainers.begin(), kTrainers.end());
    if (const auto near = nearest(*text, known)) hint = fmt::format("; did you mean \"{}\"?", *near);
  }
  reader.complain("trainer", fmt::format("expected {}, found {}{}", kExpected, describe(entry->node), hint));
  return std::nullopt;
}

void read_entity(TableReader& reader, const Model& model, bool holdout_is_sure, Training& out) {
  std::string column;
  if (!reader.text("entity", column, "the name of a column")) return;
  check_duty(reader, "entity", column, model);
  if (const auto* length = std::get_if<WindowDuration>(&out.holdout); length != nullptr && holdout_is_sure) {
    reader.complain("holdout",
                    fmt::format("with an entity the holdout is a share of the entities, such as \"20%\", and "
                                "not the newest {}",
                                format_duration(length->length)));
  }
  out.entity = std::move(column);
}

void read_embargo(TableReader& reader, Training& out) {
  if (!reader.duration("embargo", out.embargo) || out.embargo == Duration::zero() || !out.entity) return;
  reader.complain("embargo", fmt::format("with an entity the holdout is not the newest rows, so there is no time right "
                                         "before it; leave out embargo or entity"));
  out.embargo = Duration::zero();
}

struct OwnParameter {
  std::string_view name;
  std::string_view instead;
};
// Parameters of XGBoost, with their aliases, that retraind sets by itself.
constexpr std::array<OwnParameter, 9> kOwnParameters = {{
    {"seed", "set `seed` in [training] instead"},
    {"random_state", "set `seed` in [training] instead"},
    {"nthread", "set `threads` in [training] instead"},
    {"n_jobs", "set `threads` in [training] instead"},
    {"num_round", "set `rounds` in [training] instead"},
    {"n_estimators", "set `rounds` in [training] instead"},
    {"objective", "it follows from the model's `task`"},
    {"num_class", "it follows from the labels"},
    {"verbosity", "leave it out"},
}};

// A command knows its own parameters, so anything goes there.
void read_params(TableReader& reader, const std::optional<std::string>& trainer, Training& out) {
  const Entry* entry = reader.ask("params", "a table of strings, numbers and booleans", "{}");
  if (entry == nullptr) return;
  const auto* table = std::get_if<Node::Table>(&entry->node.value);
  if (table == nullptr) {
    reader.complain("params",
                    fmt::format("expected a table such as {{ max_depth = 6 }}, found {}", describe(entry->node)));
    return;
  }
  for (const Entry& param : *table) {
    const std::string path = fmt::format("{}.params.{}", reader.path(), printable(param.key));
    const std::string_view instead = instead_of_parameter(param.key);
    if (trainer == "xgboost" && !instead.empty()) {
      reader.complain_at(param.place, fmt::format("{}: retraind sets this parameter itself; {}", path, instead));
    } else if (auto value = parameter(param.node)) {
      out.params[param.key] = std::move(*value);
    } else {
      reader.complain_at(param.node.place,
                         fmt::format("{}: expected {}, found {}", path, kParameterForm, describe(param.node)));
    }
  }
}

// The weights in a table by label. False after a complaint.
bool read_weights(TableReader& reader, const Node::Table& table, std::map<std::string, double>& out) {
  const std::size_t complaints = reader.complaints_so_far();
  for (const Entry& entry : table) {
    const std::string path = fmt::format("{}.class_weights.{}", reader.path(), printable(entry.key));
    const auto weight = finite_number(entry.node);
    if (entry.key.find('\0') != std::string::npos) {
      reader.complain_at(entry.place, path + ": no label has a zero character in it");
    } else if (!weight || *weight <= 0) {
      reader.complain_at(entry.node.place,
                         fmt::format("{}: expected a number above 0, found {}", path, describe(entry.node)));
    } else {
      out[entry.key] = *weight;
    }
  }
  return reader.complaints_so_far() == complaints;
}

void read_class_weights(TableReader& reader, const TrainingContext& context, Training& out) {
  constexpr std::string_view kExpected = R"("balanced", or a table of numbers above 0 by label, such as { yes = 5.0 })";
  const Entry* entry = reader.ask("class_weights", std::string(kExpected), "");
  if (entry == nullptr) return;
  const Task task = context.model.task;
  const auto* word = std::get_if<std::string>(&entry->node.value);
  const auto* table = std::get_if<Node::Table>(&entry->node.value);
  std::map<std::string, double> weights;
  if (word != nullptr ? *word != "balanced" : table == nullptr) {
    reader.complain("class_weights", fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
  } else if (context.task_is_sure && task == Task::regression) {
    reader.complain("class_weights", "a regression has no classes; a column can weigh its rows (`weight`)");
  } else if (table == nullptr) {
    out.class_weights = ClassWeightsBalanced{};
  } else if (table->empty()) {
    reader.complain("class_weights", fmt::format("expected {}, found an empty table", kExpected));
  } else if (read_weights(reader, *table, weights)) {
    if (context.task_is_sure && task == Task::binary && weights.size() > 2) {
      reader.complain("class_weights",
                      fmt::format("a binary task has two labels, and {} are named here", weights.size()));
    }
    out.class_weights = std::move(weights);
  }
}

void read_keep_majority(TableReader& reader, const TrainingContext& context, Training& out) {
  if (!reader.real("keep_majority", out.keep_majority, {0, false, 1.0, true})) return;
  if (!context.task_is_sure || context.model.task == Task::binary) return;
  reader.complain("keep_majority", fmt::format("only a binary task has a more frequent class, and this one is {}",
                                               to_text(context.model.task)));
  out.keep_majority = 1;
}

bool is_dart(const Parameter& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && *text == "dart";
}

// Parameters of XGBoost that do not go with other keys.
void check_params(TableReader& reader, const Training& t) {
  const auto booster = t.params.find("booster");
  bool is_dropping = booster != t.params.end() && is_dart(booster->second);
  bool is_searched = false;
  if (t.search) {
    const auto searched = t.search->params.find("booster");
    is_searched =
        searched != t.search->params.end() && std::any_of(searched->second.begin(), searched->second.end(), is_dart);
  }
  if (t.warm_start && (is_dropping || is_searched)) {
    reader.complain("warm_start",
                    "a model of booster = \"dart\" cannot be continued, since each further round weighs "
                    "its trees anew; use gbtree, or leave out warm_start");
  }
  const bool weighs =
      t.params.contains("scale_pos_weight") || (t.search && t.search->params.contains("scale_pos_weight"));
  if (weighs && !std::holds_alternative<std::monostate>(t.class_weights)) {
    reader.complain("class_weights",
                    "the parameter scale_pos_weight weighs the classes already; leave out one of the "
                    "two");
  }
}

}  // namespace

std::string_view instead_of_parameter(std::string_view name) {
  const auto own = std::find_if(kOwnParameters.begin(), kOwnParameters.end(),
                                [name](const OwnParameter& parameter) { return parameter.name == name; });
  return own == kOwnParameters.end() ? std::string_view() : own->instead;
}

std::optional<Parameter> parameter(const Node& node) {
  if (const auto* boolean = std::get_if<bool>(&node.value)) return *boolean;
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return *integer;
  if (const auto* text = std::get_if<std::string>(&node.value)) return *text;
  if (const auto real = finite_number(node)) return *real;
  return std::nullopt;
}

bool read_training(TableReader& reader, const TrainingContext& context, Training& out) {
  constexpr IntegerRange kRows = {1, static_cast<std::int64_t>(kMostRows)};
  const std::optional<std::string> trainer = read_trainer(reader, out.trainer);
  read_command(reader, trainer, out.command);
  const bool window_is_sure = reader.is_sure("window", reader.window("window", out.window));
  reader.since("since", out.since);
  const bool sample_is_sure = reader.is_sure("sample_rows", reader.integer("sample_rows", out.sample_rows, kRows));
  const bool holdout_is_sure = reader.is_sure("holdout", reader.holdout("holdout", out.holdout));
  read_entity(reader, context.model, holdout_is_sure, out);
  read_embargo(reader, out);
  const bool rows_are_sure = reader.is_sure("min_rows", reader.integer("min_rows", out.min_rows, kRows));
  reader.integer("rounds", out.rounds, {1, 100000});
  read_params(reader, trainer, out);
  read_search(reader, trainer, out, out.search);
  reader.boolean("warm_start", out.warm_start);
  read_class_weights(reader, context, out);
  read_keep_majority(reader, context, out);
  if (trainer == "xgboost") check_params(reader, out);
  reader.boolean("keep_data", out.keep_data);
  reader.integer("seed", out.seed, {0, INT32_MAX});
  reader.duration("timeout", out.timeout, {std::chrono::seconds(1), kLongest});
  reader.bytes("memory_limit", out.memory_limit_bytes, std::uint64_t{16} << 20);
  reader.integer("threads", out.threads, {1, 256});
  reader.integer("max_attempts", out.max_attempts, {1, 100});
  reader.boolean("refit", out.refit);
  reader.finish();
  return window_is_sure && sample_is_sure && holdout_is_sure && rows_are_sure;
}

// What event times that stand on many rows could still make possible is not refused: a split keeps them whole, so a
// share of a window in rows is no exact number of rows.
void check_window(TableReader& training, const Model& model) {
  const Training& t = model.training;
  const auto* window_length = std::get_if<WindowDuration>(&t.window);
  const auto* holdout_length = std::get_if<WindowDuration>(&t.holdout);
  if (window_length != nullptr && !t.entity) {
    const Duration held_out = holdout_length == nullptr ? Duration::zero() : holdout_length->length;
    if (held_out >= window_length->length) {
      training.complain("holdout", fmt::format("a holdout of {} leaves nothing to train on in a window of {}",
                                               format_duration(held_out), format_duration(window_length->length)));
    } else if (held_out + t.embargo >= window_length->length) {
      training.complain(
          "embargo",
          fmt::format("an embargo of {}{} leaves nothing to train on in a window of {}", format_duration(t.embargo),
                      holdout_length == nullptr ? std::string() : " before a holdout of " + format_duration(held_out),
                      format_duration(window_length->length)));
    }
  }
  const std::uint64_t needed = t.min_rows + model.validation.min_holdout_rows;
  const auto* window = std::get_if<WindowRows>(&t.window);
  const auto check = [&](std::string_view key, std::uint64_t rows) {
    if (rows >= needed) return;
    training.complain(key, fmt::format("{} rows never hold the {} training rows of min_rows and the {} holdout rows of "
                                       "[validation] min_holdout_rows",
                                       rows, t.min_rows, model.validation.min_holdout_rows));
  };
  if (window != nullptr) check("window", window->rows);
  if (t.sample_rows) check("sample_rows", *t.sample_rows);
}

}  // namespace retraind::settings
