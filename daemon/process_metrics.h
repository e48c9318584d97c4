#pragma once
// What the kernel says of this process, as the exporters of Prometheus name it (process_…). Reads /proc; what cannot be
// read there is left out. Thread-safe.

#include <optional>
#include <string_view>
#include <vector>

namespace prometheus {
struct MetricFamily;
}

namespace retraind::daemon {

// The fields of /proc/self/stat that are asked for; std::nullopt when the text is not what the kernel writes.
struct ProcessStat {
  double cpu_ticks = 0;  // user and system
  double threads = 0;
  double start_ticks = 0;  // since the machine started
  double virtual_bytes = 0;
  double resident_pages = 0;
};
std::optional<ProcessStat> parse_process_stat(std::string_view text);

std::vector<prometheus::MetricFamily> process_metrics();

}  // namespace retraind::daemon
