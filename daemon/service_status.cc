#include "daemon/service_status.h"

#include <fmt/format.h>

#include <vector>

namespace retraind::daemon {
namespace {

std::string counted(std::size_t count, const char* one, const char* more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}

// "03:00 UTC", with the date where it is another day's.
std::string clock_time(TimePoint at, TimePoint now) {
  const std::string whole = format_instant(std::chrono::floor<std::chrono::minutes>(at));
  const bool today = std::chrono::floor<std::chrono::days>(at) == std::chrono::floor<std::chrono::days>(now);
  return fmt::format("{}{} UTC", today ? "" : whole.substr(0, 10) + " ", whole.substr(11, 5));
}

std::string joined(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

std::string reload_text(const ReloadOutcome& reload, TimePoint now) {
  const std::string when = clock_time(*reload.at, now);
  if (reload.complaints == 0) {
    return fmt::format("last reload failed at {}: {}; the settings before are in force", when, reload.problem);
  }
  return fmt::format("last reload failed at {}: {}, first: {}; the settings before are in force", when,
                     counted(reload.complaints, "complaint", "complaints"), reload.problem);
}

}  // namespace

std::string status_text(const ServiceStatus& status, TimePoint now, std::chrono::steady_clock::time_point steady_now) {
  std::vector<std::string> parts;
  if (status.stuck) {
    const auto since = now - std::chrono::duration_cast<Duration>(steady_now - status.stuck->since);
    parts.push_back(fmt::format("{} stands still since {} ({}), the watchdog is not fed", status.stuck->who,
                                clock_time(since, now), status.stuck->doing));
  }
  if (status.trouble) {
    parts.push_back(fmt::format("the registry cannot be used since {}: {}", clock_time(status.trouble->since, now),
                                status.trouble->words));
  }
  if (status.last_reload.at && !status.last_reload.ok) parts.push_back(reload_text(status.last_reload, now));
  if (!status.begun) {
    parts.push_back("waiting for the registry");
    return joined(parts, "; ");
  }
  std::vector<std::string> doing;
  if (status.runs > 0) doing.push_back(counted(status.runs, "run", "runs"));
  if (status.looks > 0) doing.push_back(counted(status.looks, "look", "looks"));
  if (status.deliveries > 0) doing.push_back(counted(status.deliveries, "delivery", "deliveries"));
  parts.push_back(doing.empty() ? "idle" : joined(doing, ", "));
  parts.push_back(counted(status.models, "model", "models"));
  if (status.next_trigger) {
    parts.push_back(*status.next_trigger - now < std::chrono::minutes(1)
                        ? "next trigger within a minute"
                        : "next trigger at " + clock_time(*status.next_trigger, now));
  }
  return joined(parts, "; ");
}

std::string stopping_text(std::size_t runs, std::size_t deliveries, Duration patience) {
  std::vector<std::string> waiting;
  if (runs > 0) waiting.push_back(counted(runs, "run", "runs"));
  if (deliveries > 0) waiting.push_back(counted(deliveries, "delivery", "deliveries"));
  if (waiting.empty()) return "stopping";
  return fmt::format("stopping: {} {} {} to end", joined(waiting, " and "), runs + deliveries == 1 ? "has" : "have",
                     format_duration(patience));
}

}  // namespace retraind::daemon
