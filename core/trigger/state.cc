#include <boost/json.hpp>
#include <string>

#include "core/base/error.h"
#include "core/settings/canonical_json.h"
#include "core/settings/json_reader.h"
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
  // Keys it does not know are let pass: during an upgrade an older daemon may read what a newer one wrote.
  return state;
}

}  // namespace retraind::trigger
