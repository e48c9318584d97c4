#include "core/schedule/cron.h"

#include "core/base/error.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {

void cron(std::string_view input) {
  const std::size_t bar = input.find('|');
  const std::string_view zone = bar == std::string_view::npos ? "UTC" : input.substr(bar + 1);
  try {
    const schedule::Cron cron = schedule::Cron::parse(input.substr(0, bar));
    schedule::require_timezone(zone);
    const TimePoint after{std::chrono::hours(24 * 365 * 50 + static_cast<int>(input.size()))};
    const auto slot = schedule::next_slot(cron, zone, after);
    if (!slot) return;
    require(*slot > after, "the next slot is later");
    require(slot->time_since_epoch() % std::chrono::minutes(1) == Duration::zero(), "slots are whole minutes");
    const auto slots = schedule::slots_between(cron, zone, after, *slot, 10);
    require(slots.omitted == 0 && slots.slots.size() == 1 && slots.slots[0] == *slot, "no slot comes before the next");
  } catch (const ConfigError&) {
  }
}

}  // namespace retraind::fuzz
