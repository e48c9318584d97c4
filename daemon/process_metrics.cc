#include "daemon/process_metrics.h"

#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace retraind::daemon {
namespace {

std::string contents(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Seconds since 1970 at which the machine started; 0 when /proc/stat does not say.
double boot_time() {
  std::istringstream lines(contents("/proc/stat"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

prometheus::MetricFamily family(const char* name, const char* help, prometheus::MetricType type, double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  metric.counter.value = value;
  return {name, help, type, {metric}};
}

}  // namespace

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // The name of the program stands in parentheses and may hold anything, parentheses and blanks included.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  std::istringstream rest{std::string(text.substr(name_end + 1))};
  std::vector<std::string> fields;  // from the third on, the state
  for (std::string field; rest >> field;) fields.push_back(field);
  if (fields.size() < 22) return std::nullopt;
  const auto field = [&](std::size_t number) { return std::strtod(fields[number - 3].c_str(), nullptr); };
  return ProcessStat{.cpu_ticks = field(14) + field(15),
                     .threads = field(20),
                     .start_ticks = field(22),
                     .virtual_bytes = field(23),
                     .resident_pages = field(24)};
}

std::vector<prometheus::MetricFamily> process_metrics() {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> out;
  if (const auto stat = parse_process_stat(contents("/proc/self/stat"))) {
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    out.push_back(family("process_cpu_seconds_total",
                         "Seconds of processor time that this daemon has used, without its workers.",
                         MetricType::Counter, stat->cpu_ticks / ticks));
    out.push_back(family("process_resident_memory_bytes",
                         "Bytes of memory that this daemon holds, without its workers.", MetricType::Gauge,
                         stat->resident_pages * page));
    out.push_back(family("process_virtual_memory_bytes", "Bytes of address space of this daemon.", MetricType::Gauge,
                         stat->virtual_bytes));
    out.push_back(family("process_threads", "Threads of this daemon.", MetricType::Gauge, stat->threads));
    out.push_back(family("process_start_time_seconds", "When this daemon started, in seconds since 1970 UTC.",
                         MetricType::Gauge, boot_time() + stat->start_ticks / ticks));
  }
  std::error_code error;
  const std::filesystem::directory_iterator descriptors("/proc/self/fd", error);
  if (!error) {
    // One of them is the iterator's own.
    const auto open = std::distance(begin(descriptors), end(descriptors)) - 1;
    out.push_back(family("process_open_fds", "File descriptors that this daemon has open.", MetricType::Gauge,
                         static_cast<double>(open)));
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    out.push_back(family("process_max_fds", "File descriptors that this daemon may have open.", MetricType::Gauge,
                         static_cast<double>(limit.rlim_cur)));
  }
  return out;
}

}  // namespace retraind::daemon
