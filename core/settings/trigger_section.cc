#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/settings/trigger_rules.h"

namespace retraind::settings {
namespace {

constexpr std::array<TriggerKind, 9> kConfigurable = {
    TriggerKind::schedule,    TriggerKind::new_rows,  TriggerKind::drift,
    TriggerKind::performance, TriggerKind::signal,    TriggerKind::query,
    TriggerKind::prometheus,  TriggerKind::freshness, TriggerKind::pipeline_change};
constexpr std::string_view kKinds =
    R"("schedule", "new_rows", "drift", "performance", "signal", "query", "prometheus", "freshness" or )"
    R"("pipeline_change")";
constexpr std::int64_t kRows = static_cast<std::int64_t>(kMostRows);

// The kind this table configures; std::nullopt after a complaint.
std::optional<TriggerKind> read_kind(TableReader& reader) {
  reader.require("on");
  const Entry* entry = reader.ask("on", std::string(kKinds), "");
  if (entry == nullptr) return std::nullopt;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const std::optional<TriggerKind> said = text == nullptr ? std::nullopt : parse<TriggerKind>(*text);
  if (said == TriggerKind::manual) {
    reader.complain("on", "every model has its manual trigger (`retraind trigger MODEL`); leave this table out");
  } else if (said) {
    return said;
  } else {
    std::string hint;
    if (text != nullptr) {
      std::vector<std::string> known;
      for (const TriggerKind kind : kConfigurable) known.emplace_back(to_text(kind));
      if (const auto near = nearest(*text, known)) hint = fmt::format("; did you mean \"{}\"?", *near);
    }
    reader.complain("on", fmt::format("expected {}, found {}{}", kKinds, describe(entry->node), hint));
  }
  return std::nullopt;
}

TriggerRule read_rule(TableReader& reader, TriggerKind kind, const TriggerModel& of) {
  switch (kind) {
    case TriggerKind::schedule:
      return read_schedule(reader);
    case TriggerKind::new_rows:
      return read_new_rows(reader);
    case TriggerKind::drift:
      return read_drift(reader);
    case TriggerKind::performance:
      return read_performance(reader, of);
    case TriggerKind::signal:
      return read_signal(reader);
    case TriggerKind::query:
      return read_query(reader, of);
    case TriggerKind::prometheus:
      return read_prometheus(reader);
    case TriggerKind::freshness:
      return read_freshness(reader);
    case TriggerKind::pipeline_change:
    case TriggerKind::manual:
      break;
  }
  return PipelineChangeTrigger{};
}

// False after a complaint.
bool read_name(TableReader& reader, TriggerKind kind, std::string& out) {
  // The default depends on the kind, so it is not what the documentation shows.
  const Entry* entry = reader.ask("name", std::string(kNameForm), "");
  if (entry == nullptr) return true;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  if (text == nullptr || !is_name(*text)) {
    reader.complain("name", fmt::format("expected {}, found {}", kNameForm, describe(entry->node)));
  } else if (*text == "manual" || (*text == "pipeline_change" && kind != TriggerKind::pipeline_change)) {
    reader.complain("name", fmt::format("\"{}\" is the name of a trigger that every model has", *text));
  } else {
    out = *text;
    return true;
  }
  return false;
}

// When a run may start. Freshness starts none.
void read_limits(TableReader& reader, TriggerKind kind, Trigger& out) {
  if (kind == TriggerKind::freshness) {
    for (const std::string_view key : {"for", "clear_for", "cooldown", "max_runs_per_day", "backoff", "backoff_max"}) {
      reader.refuse(key, "a freshness trigger tells people, once, and never starts a run; leave it out");
    }
    return;
  }
  reader.duration("cooldown", out.cooldown);
  reader.integer("max_runs_per_day", out.max_runs_per_day, {0, 10000});
  reader.duration("backoff", out.backoff);
  reader.duration("backoff_max", out.backoff_max);
  if (out.backoff_max < out.backoff) {
    reader.complain(reader.has("backoff_max") ? "backoff_max" : "backoff",
                    fmt::format("backoff_max ({}) is shorter than backoff ({})", format_duration(out.backoff_max),
                                format_duration(out.backoff)));
  }
}

Trigger read_trigger(TableReader& reader, TriggerKind kind, const TriggerModel& of) {
  Trigger out;
  reader.of_kind(to_text(kind));
  out.rule = read_rule(reader, kind, of);
  reader.of_kind("");
  out.backoff = default_backoff(kind);
  reader.boolean("enabled", out.enabled);
  read_limits(reader, kind, out);
  return out;
}

}  // namespace

ScheduleTrigger read_schedule(TableReader& reader) {
  ScheduleTrigger out;
  reader.require("cron");
  std::string expression;
  if (reader.text("cron", expression, "a cron expression of five fields, such as \"0 3 * * *\"")) {
    try {
      out.cron = schedule::Cron::parse(expression);
    } catch (const ConfigError& error) {
      reader.complain("cron", error.message_with_hint());
    }
  }
  std::string timezone = out.timezone;
  if (reader.text("timezone", timezone, "the name of a time zone, such as \"Europe/Berlin\"")) {
    try {
      schedule::require_timezone(timezone);
      out.timezone = timezone;
    } catch (const ConfigError& error) {
      reader.complain("timezone", error.message_with_hint());
    }
  }
  reader.word("catch_up", out.catch_up);
  return out;
}

NewRowsTrigger read_new_rows(TableReader& reader) {
  NewRowsTrigger out{};
  reader.require("rows");
  const Entry* entry = reader.ask("rows", fmt::format("an integer from 1 to {}", kRows), "");
  if (entry != nullptr) {
    const auto* rows = std::get_if<std::int64_t>(&entry->node.value);
    if (rows != nullptr && *rows >= 1 && *rows <= kRows) {
      out.rows = static_cast<std::uint64_t>(*rows);
    } else {
      reader.complain("rows", fmt::format("expected an integer from 1 to {}, found {}", kRows, describe(entry->node)));
    }
  }
  reader.duration("every", out.every, kEvery);
  return out;
}

void read_patience(TableReader& reader, Patience& out) {
  reader.hold("for", out);
  reader.integer("clear_for", out.clear, {1, kMostChecks});
}

void check_window_holds(TableReader& reader, const Window& window, std::uint64_t min_rows) {
  const auto* rows = std::get_if<WindowRows>(&window);
  if (rows == nullptr || rows->rows >= min_rows) return;
  reader.complain(reader.has("min_rows") ? "min_rows" : "window",
                  fmt::format("a window of {} rows never has the {} rows a check asks for", rows->rows, min_rows));
}

void read_triggers(TableReader& model, const TriggerModel& of, std::vector<Trigger>& out) {
  struct Seen {
    std::string name;
    Place place;
  };
  std::vector<Seen> seen;
  bool has_pipeline_change = false;
  for (TableReader& reader : model.array_of_tables("trigger")) {
    const std::optional<TriggerKind> kind = read_kind(reader);
    // What else such a table may hold depends on its kind, so without one there is nothing more to say.
    if (!kind) continue;
    std::string name(to_text(*kind));
    const bool named = read_name(reader, *kind, name);
    Trigger trigger = read_trigger(reader, *kind, of);
    trigger.name = std::move(name);
    reader.finish();
    if (!named) continue;
    if (*kind == TriggerKind::pipeline_change && has_pipeline_change) {
      reader.complain("on", "a model has one pipeline_change trigger, and this is the second");
      continue;
    }
    has_pipeline_change = has_pipeline_change || *kind == TriggerKind::pipeline_change;
    const Place place = reader.has("name") ? reader.place_of("name") : reader.place();
    const auto first = std::find_if(seen.begin(), seen.end(), [&](const Seen& s) { return s.name == trigger.name; });
    if (first != seen.end()) {
      reader.complain_at(place, fmt::format("{}: another trigger of this model is named '{}', at line {}; give one of "
                                            "them another `name`",
                                            reader.path(), trigger.name, first->place.line));
      continue;
    }
    seen.push_back({trigger.name, place});
    out.push_back(std::move(trigger));
  }
  if (!has_pipeline_change) {
    Trigger trigger;
    trigger.name = to_text(TriggerKind::pipeline_change);
    trigger.rule = PipelineChangeTrigger{};
    out.push_back(std::move(trigger));
  }
}

}  // namespace retraind::settings
