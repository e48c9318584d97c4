#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/text.h"
#include "core/settings/trigger_rules.h"
#include "core/settings/url.h"

namespace retraind::settings {
namespace {

// A bound on either side of the quiet values; infinite where there is none.
struct Quiet {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

Quiet quiet_values(const Bounds& bounds) {
  Quiet out;
  if (bounds.above) out.high = *bounds.above;
  if (bounds.below) out.low = *bounds.below;
  if (bounds.outside) {
    out.low = std::max(out.low, bounds.outside->first);
    out.high = std::min(out.high, bounds.outside->second);
  }
  return out;
}

void check_bounds(TableReader& reader, const Bounds& bounds) {
  const Quiet quiet = quiet_values(bounds);
  if (quiet.low > quiet.high) {
    reader.complain_at(reader.place(), fmt::format("{}: every value lies above {} or below {}, so it would always fire",
                                                   reader.path(), format_number(quiet.high), format_number(quiet.low)));
    return;
  }
  if (!bounds.clear) return;
  const double clear = *bounds.clear;
  if (std::isfinite(quiet.low) && std::isfinite(quiet.high)) {
    reader.complain("clear",
                    "the trigger has a bound on either side, and one value cannot say where both are clear; "
                    "leave it out, or make two triggers");
  } else if (clear > quiet.high) {
    reader.complain("clear", fmt::format("it fires above {}, so it is clear at some value of at most {}, not at {}",
                                         format_number(quiet.high), format_number(quiet.high), format_number(clear)));
  } else if (clear < quiet.low) {
    reader.complain("clear", fmt::format("it fires below {}, so it is clear at some value of at least {}, not at {}",
                                         format_number(quiet.low), format_number(quiet.low), format_number(clear)));
  }
}

void read_bounds(TableReader& reader, Bounds& out) {
  const std::size_t complaints = reader.complaints_so_far();
  reader.real("above", out.above, kAnyNumber);
  reader.real("below", out.below, kAnyNumber);
  reader.range("outside", out.outside);
  reader.real("clear", out.clear, kAnyNumber);
  if (!reader.has("above") && !reader.has("below") && !reader.has("outside")) {
    reader.complain_at(reader.place(),
                       fmt::format("[{}] needs at least one of the keys above, below and outside", reader.path()));
  } else if (reader.complaints_so_far() == complaints) {
    check_bounds(reader, out);
  }
}

// What signal, query and prometheus triggers have in common.
template <class Rule>
void read_common(TableReader& reader, Rule& out) {
  read_bounds(reader, out.bounds);
  read_patience(reader, out.patience);
  reader.duration("every", out.every, kEvery);
  reader.word("on_no_data", out.on_no_data);
}

}  // namespace

SignalTrigger read_signal(TableReader& reader) {
  SignalTrigger out;
  const std::size_t complaints = reader.complaints_so_far();
  reader.require("signal");
  reader.text("signal", out.signal, "the name of a signal");
  read_common(reader, out);
  reader.duration("no_data_after", out.no_data_after);
  const bool silence_matters = out.on_no_data != NoData::ignore;
  if (silence_matters && out.no_data_after == Duration::zero() && reader.complaints_so_far() == complaints) {
    reader.complain(
        reader.has("no_data_after") ? "no_data_after" : "on_no_data",
        fmt::format("the last value of a signal counts for ever, so \"{}\" could only come before the first one; say "
                    "no_data_after, for how long without a value",
                    to_text(out.on_no_data)));
  }
  return out;
}

QueryTrigger read_query(TableReader& reader, const TriggerModel& of) {
  QueryTrigger out;
  reader.require("query");
  reader.text("query", out.query, "a SELECT statement");
  out.source = of.model.source;
  if (reader.text("source", out.source, "the name of a [source.NAME]")) {
    of.source_uses.push_back({reader.path(), out.source, reader.file(), reader.place_of("source")});
  }
  read_common(reader, out);
  return out;
}

PrometheusTrigger read_prometheus(TableReader& reader) {
  PrometheusTrigger out;
  for (const std::string_view key : {"url", "query"}) reader.require(key);
  if (reader.text("url", out.url, "the address of a Prometheus server, such as \"http://127.0.0.1:9090\"")) {
    if (const auto fault = find_url_fault(out.url)) {
      reader.complain("url", *fault);
      out.url.clear();
    } else {
      reader.mention(Mention::What::url, "url", {out.url});
    }
  }
  reader.text("query", out.query, "a PromQL expression");
  reader.duration("timeout", out.timeout, {std::chrono::milliseconds(100), std::chrono::minutes(5)});
  read_common(reader, out);
  return out;
}

FreshnessTrigger read_freshness(TableReader& reader) {
  FreshnessTrigger out{};
  reader.require("no_rows_for");
  constexpr DurationRange kRange = {std::chrono::seconds(1), kLongest};
  const std::string expected =
      fmt::format("a duration from {} to {}", format_duration(kRange.low), format_duration(kRange.high));
  if (const Entry* entry = reader.ask("no_rows_for", expected, "")) {
    const auto* text = std::get_if<std::string>(&entry->node.value);
    const auto value = text == nullptr ? std::nullopt : parse_duration(*text);
    if (value && *value >= kRange.low && *value <= kRange.high) {
      out.no_rows_for = *value;
    } else {
      reader.complain("no_rows_for", fmt::format("expected {}, found {}", expected, describe(entry->node)));
    }
  }
  reader.duration("every", out.every, kEvery);
  return out;
}

}  // namespace retraind::settings
