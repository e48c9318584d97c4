#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/settings/metric_rules.h"
#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

// The gates that every candidate passes through, whatever is configured: their rows in SQL bear these names.
constexpr std::array<std::string_view, 14> kBuiltIn = {
    "holdout_rows", "clusters",          "opponent",      "predictions",    "package",
    "schema",       "holdout_reuse",     "artifact_size", "scoring_time",   "difference",
    "anchor",       "refit_predictions", "refit_package", "refit_agreement"};

struct Bound {
  std::string_view key;
  std::optional<double> Gate::*value;
  RealRange range;
};
constexpr std::array<Bound, 4> kBounds = {{{"above", &Gate::above, kAnyNumber},
                                           {"below", &Gate::below, kAnyNumber},
                                           {"max_drop", &Gate::max_drop, {0, true, std::nullopt}},
                                           {"max_gain", &Gate::max_gain, {0, false, std::nullopt}}}};

// std::nullopt where it is not sure which metric is meant, or where it is the wrong one.
std::optional<Metric> read_metric(TableReader& reader, const ModelSoFar& of, Metric& out) {
  out = of.model.validation.metric;
  if (!reader.word("metric", out)) {
    return reader.has("metric") || !of.metric_is_sure ? std::nullopt : std::optional(out);
  }
  if (of.task_is_sure && !applies_to(out, of.model.task)) {
    reader.complain("metric", does_not_apply(out, of.model.task));
    return std::nullopt;
  }
  return out;
}

void read_class(TableReader& reader, std::optional<Metric> metric, const ModelSoFar& of, std::string& out) {
  const bool was_read = read_label(reader, "class", out);
  if (!metric || !of.task_is_sure) return;
  const bool takes_one = *metric == Metric::recall && of.model.task == Task::multiclass;
  if (takes_one && !reader.has("class")) {
    reader.complain_at(reader.place(), fmt::format("[{}] needs the key 'class': recall of a multiclass task is that of "
                                                   "one class",
                                                   reader.path()));
  } else if (!takes_one && was_read) {
    reader.complain("class", "belongs to recall of a multiclass task; leave it out here");
  } else if (was_read && out.empty()) {
    reader.complain("class", "a class whose label is an empty string has no name; let the query give it one");
  }
}

// Whether the bound could ever be missed, and ever be met.
void check_value(TableReader& reader, std::string_view key, double value, Metric metric) {
  const bool is_absolute = key == "above" || key == "below";
  const std::string_view name = to_text(metric);
  if (is_share(metric) && (value >= 1 || (is_absolute && value <= 0))) {
    const std::string_view what = is_absolute ? key : key == "max_drop" ? "a drop of" : "a gain of";
    reader.complain(key,
                    fmt::format("{} lies between 0 and 1, so {} {} says nothing", name, what, format_number(value)));
  } else if (is_absolute && metric == Metric::r2 && value >= 1) {
    reader.complain(key, fmt::format("r2 is at most 1, so {} {} says nothing", key, format_number(value)));
  } else if (is_absolute && is_ordered(metric) && !higher_is_better(metric) && value <= 0) {
    reader.complain(key, fmt::format("{} is at least 0, so {} {} says nothing", name, key, format_number(value)));
  }
}

void read_bounds(TableReader& reader, std::optional<Metric> metric, Gate& out) {
  const bool by_slices = reader.has("slice");
  const bool is_unordered = metric && !is_ordered(*metric);
  const std::size_t complaints = reader.complaints_so_far();
  bool any = false;
  for (const Bound& bound : kBounds) {
    std::optional<double>& value = out.*bound.value;
    reader.real(bound.key, value, bound.range);
    any = any || reader.has(bound.key);
    if (!value) continue;
    const bool is_absolute = bound.key == "above" || bound.key == "below";
    if (is_unordered && !is_absolute) {
      reader.complain(bound.key, fmt::format("{} is not always better when it is higher, nor when it is lower, so it "
                                             "has no {}; use `above` and `below`",
                                             to_text(*metric), bound.key.substr(4)));
    } else if (by_slices && bound.key != "max_drop") {
      reader.complain(bound.key, "slices are held against max_drop alone; make two gates");
    } else if (metric) {
      check_value(reader, bound.key, *value, *metric);
    }
  }
  if (by_slices && is_unordered) {
    reader.complain("slice", fmt::format("slices are held against max_drop, and {} has none", to_text(*metric)));
  } else if (by_slices && !reader.has("max_drop")) {
    reader.complain("slice", "slices are held against max_drop, and there is none");
  } else if (!any) {
    reader.complain_at(reader.place(), fmt::format("[{}] needs at least one of the keys above, below, max_drop and "
                                                   "max_gain",
                                                   reader.path()));
  }
  if (reader.complaints_so_far() == complaints && out.above && out.below && *out.above >= *out.below) {
    reader.complain("below", fmt::format("no value is above {} and below {}", format_number(*out.above),
                                         format_number(*out.below)));
  }
}

void read_slices(TableReader& reader, const Model& model, std::optional<Slices>& out) {
  Slices slices;
  const bool named = reader.text("slice", slices.column, "the name of a column");
  const bool has_levels = reader.integer("levels", slices.levels, {1, 100});
  const bool has_rows = reader.integer("min_rows", slices.min_rows, {1, static_cast<std::int64_t>(kMostRows)});
  if (!reader.has("slice")) {
    if (has_levels) reader.complain("levels", "belongs to `slice`; leave it out here");
    if (has_rows) reader.complain("min_rows", "belongs to `slice`; leave it out here");
  }
  if (!named) return;
  const std::string quoted = TableReader::quoted(printable(slices.column));
  if (slices.column == model.label) {
    reader.complain("slice", quoted + " is the label; slices are parts of the rows that are known beforehand");
  } else if (slices.column == model.time_column) {
    reader.complain("slice", quoted + " is the time_column; each of its values would be a slice of its own");
  }
  out = std::move(slices);
}

// What a gate is called when nothing is said.
std::string default_name(Metric metric, const std::optional<Slices>& slices) {
  const std::string name(to_text(metric));
  if (!slices) return name;
  const std::string by_column = fmt::format("{}_by_{}", name, slices->column);
  return is_name(by_column) ? by_column : name;
}

// False after a complaint.
bool read_name(TableReader& reader, std::string& out) {
  // The default depends on the other keys, so it is not what the documentation shows.
  const Entry* entry = reader.ask("name", std::string(kNameForm), "");
  if (entry == nullptr) return true;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  if (text == nullptr || !is_name(*text)) {
    reader.complain("name", fmt::format("expected {}, found {}", kNameForm, describe(entry->node)));
  } else if (std::find(kBuiltIn.begin(), kBuiltIn.end(), *text) != kBuiltIn.end()) {
    reader.complain("name", fmt::format("\"{}\" is the name of a gate that every model has", *text));
  } else {
    out = *text;
    return true;
  }
  return false;
}

}  // namespace

void read_gates(TableReader& validation, const ModelSoFar& of, std::vector<Gate>& out) {
  struct Seen {
    std::string name;
    Place place;
  };
  std::vector<Seen> seen;
  for (TableReader& reader : validation.array_of_tables("gate")) {
    Gate gate;
    const std::optional<Metric> metric = read_metric(reader, of, gate.metric);
    read_class(reader, metric, of, gate.of_class);
    read_bounds(reader, metric, gate);
    read_slices(reader, of.model, gate.slices);
    reader.real("confidence", gate.confidence, {0.5, false, 1.0});
    gate.name = default_name(gate.metric, gate.slices);
    const bool named = read_name(reader, gate.name);
    reader.finish();
    // A name that would come from a metric that was refused is nobody's.
    if (!named || (!reader.has("name") && !metric)) continue;
    const Place place = reader.has("name") ? reader.place_of("name") : reader.place();
    const auto first = std::find_if(seen.begin(), seen.end(), [&](const Seen& s) { return s.name == gate.name; });
    if (first != seen.end()) {
      reader.complain_at(place, fmt::format("{}: another gate of this model is named '{}', at line {}; give one of "
                                            "them another `name`",
                                            reader.path(), gate.name, first->place.line));
      continue;
    }
    seen.push_back({gate.name, place});
    out.push_back(std::move(gate));
  }
}

}  // namespace retraind::settings
