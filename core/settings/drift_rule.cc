#include <fmt/format.h>

#include "core/base/text.h"
#include "core/settings/trigger_defaults.h"
#include "core/settings/trigger_rules.h"

namespace retraind::settings {
namespace {

constexpr std::int64_t kRows = static_cast<std::int64_t>(kMostRows);
constexpr RealRange kShare = {0, false, 1.0, true};

// One level for one check, or a budget over time that the level follows from: not both.
void read_level(TableReader& reader, DriftTrigger& out) {
  reader.real("alpha", out.alpha, {0, false, 0.5});
  const bool has_budget = reader.alarm_budget("false_alarms", out.false_alarms);
  if (reader.has("alpha") && reader.has("false_alarms")) {
    reader.complain("false_alarms", "it sets the level of a check, and so does alpha; leave one of them out");
  } else if (has_budget && out.false_alarms->per / out.every <= out.false_alarms->alarms) {
    reader.complain("false_alarms", fmt::format("{} is a false alarm at every check, with a check each {}",
                                                format_alarm_budget(*out.false_alarms), format_duration(out.every)));
  }
}

}  // namespace

DriftTrigger read_drift(TableReader& reader) {
  DriftTrigger out;
  reader.duration("every", out.every, kEvery);
  reader.window("window", out.window);
  read_patience(reader, out.patience);
  const bool is_method_sure = reader.word("method", out.method) || !reader.has("method");
  out.min_effect = default_min_effect(out.method);
  // The only method whose effect has no upper end: it counts standard deviations.
  const bool is_bounded = is_method_sure && out.method != DriftMethod::wasserstein;
  reader.real("min_effect", out.min_effect, {0, false, is_bounded ? std::optional(1.0) : std::nullopt});
  read_level(reader, out);
  reader.integer("min_rows", out.min_rows, {1, kRows});
  check_window_holds(reader, out.window, out.min_rows);
  reader.season("season", out.season);
  reader.real("share", out.share, kShare);
  reader.real("important", out.important, kShare);
  reader.boolean("score", out.score);
  return out;
}

}  // namespace retraind::settings
