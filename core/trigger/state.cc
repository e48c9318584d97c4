#include <boost/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/settings/canonical_json.h"
#include "core/settings/json_reader.h"
#include "core/trigger/condition.h"
#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;

void read_instant(settings::JsonReader& reader, std::string_view key, std::optional<TimePoint>& out) {
  if (reader.ask(key) == nullptr) return;
  std::string text;
  reader.read(key, text);
  out = parse_instant(text);
  if (!out) reader.reject(key, "an instant");
}

void read_count(settings::JsonReader& reader, std::string_view key, int& out) {
  reader.read(key, out);
  if (out < 0) reader.reject(key, "a number of 0 or more");
}

}  // namespace

std::string to_json(const State& state) {
  json::object object{{"phase", to_text(state.phase)}, {"holds_checks", state.holds_checks}, {"errors", state.errors}};
  if (state.holds_since) object["holds_since"] = format_instant(*state.holds_since);
  if (state.last_slot) object["last_slot"] = format_instant(*state.last_slot);
  if (!state.last_recorded.empty()) object["last_recorded"] = state.last_recorded;
  if (!state.recent.empty()) object["recent"] = state.recent;
  if (state.clean_checks != 0) object["clean_checks"] = state.clean_checks;
  if (state.last_sample_at) object["last_sample_at"] = format_instant(*state.last_sample_at);
  if (state.alerting) object["alerting"] = true;
  if (state.newest_event) object["newest_event"] = *state.newest_event;
  if (state.newest_since) object["newest_since"] = format_instant(*state.newest_since);
  if (state.version != 0) object["version"] = state.version;
  if (!state.detector.empty()) object["detector"] = state.detector;
  return settings::canonical_text(object);
}

State state_from_json(std::string_view text) {
  const json::value value = settings::parse_json(text);
  if (!value.is_object()) throw DataError("a trigger's state must be a JSON object");
  settings::JsonReader reader(value.get_object(), "");
  State state;
  reader.word("phase", state.phase);
  read_count(reader, "holds_checks", state.holds_checks);
  read_count(reader, "errors", state.errors);
  read_instant(reader, "holds_since", state.holds_since);
  read_instant(reader, "last_slot", state.last_slot);
  reader.read("last_recorded", state.last_recorded);
  reader.read("recent", state.recent);
  if (state.recent.size() > kMostRecent || state.recent.find_first_not_of("01") != std::string::npos) {
    reader.reject("recent", "at most " + std::to_string(kMostRecent) + " of 0 and 1");
  }
  read_count(reader, "clean_checks", state.clean_checks);
  read_instant(reader, "last_sample_at", state.last_sample_at);
  reader.read("alerting", state.alerting);
  if (reader.ask("newest_event") != nullptr) reader.read("newest_event", state.newest_event.emplace());
  read_instant(reader, "newest_since", state.newest_since);
  read_count(reader, "version", state.version);
  reader.read("detector", state.detector);
  // Keys it does not know are let pass: during an upgrade an older daemon may read what a newer one wrote.
  return state;
}

}  // namespace retraind::trigger
