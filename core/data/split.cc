#include "core/data/split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>

#include "core/base/error.h"

namespace retraind::data {
namespace {

std::string rows_text(std::size_t rows) {
  return std::to_string(rows) + (rows == 1 ? " row" : " rows");
}

// The start of the holdout: the boundary between two event times that is nearest to leaving `wanted` rows behind it,
// the one with the larger holdout on a tie. 0 when all rows are of one event time.
std::size_t nearest_boundary(const std::vector<EventTime>& times, std::size_t wanted) {
  const std::size_t n = times.size();
  const std::size_t target = n - wanted;
  const auto equal = std::equal_range(times.begin(), times.end(), times[target]);
  const auto lower = static_cast<std::size_t>(equal.first - times.begin());
  const auto upper = static_cast<std::size_t>(equal.second - times.begin());
  if (lower == 0) return upper == n ? 0 : upper;
  if (upper == n) return lower;
  return target - lower <= upper - target ? lower : upper;
}

// The multiple of `length` since 1970 UTC that the instant lies in, counted downwards before 1970.
std::int64_t block_of(EventTime time, Duration length) {
  const std::int64_t at = to_instant(time).time_since_epoch().count();
  const std::int64_t block = at / length.count();
  return at % length.count() < 0 ? block - 1 : block;
}

// Numbers values from 0 in order of first appearance.
template <class Value>
class Numbering {
 public:
  std::uint32_t operator()(Value value) {
    return numbers_.try_emplace(value, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

 private:
  std::unordered_map<Value, std::uint32_t> numbers_;
};

std::vector<std::uint32_t> blocks_of_rows(std::size_t rows, std::uint64_t length) {
  if (length == 0) throw DataError("a cluster of 0 rows", "set validation.cluster to at least \"1 rows\"");
  std::vector<std::uint32_t> out(rows);
  for (std::size_t i = 0; i < rows; ++i) out[i] = static_cast<std::uint32_t>(i / length);
  return out;
}

std::vector<std::uint32_t> blocks_of_time(const Table& table, std::size_t begin, std::size_t end, Duration length) {
  if (table.axis == TimeAxis::number) {
    throw DataError("clusters of " + format_duration(length) + " need an instant, and the time column is a number",
                    "set validation.cluster to a number of rows (\"100 rows\") or to a column");
  }
  if (length <= Duration::zero()) throw DataError("a cluster of " + format_duration(length) + " holds no row");
  Numbering<std::int64_t> number;
  std::vector<std::uint32_t> out;
  out.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) out.push_back(number(block_of(table.event_times[i], length)));
  return out;
}

std::uint64_t ceil_sqrt(std::size_t n) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(n)));
  while (root * root < n) ++root;
  return std::max<std::uint64_t>(root, 1);
}

}  // namespace

Split split_by_time(const Table& table, const settings::Holdout& holdout) {
  const std::size_t n = table.rows;
  if (n == 0) throw DataError("there is no row to split", "wait for labelled rows, or widen the training window");
  const auto& times = table.event_times;

  std::size_t begin = 0;
  if (const auto* by_share = std::get_if<settings::HoldoutShare>(&holdout)) {
    if (!(by_share->share > 0 && by_share->share < 1)) throw std::logic_error("a holdout share outside (0, 1)");
    const double wanted = std::round(by_share->share * static_cast<double>(n));
    begin = nearest_boundary(times, std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, n));
    if (begin == 0) {
      throw DataError("no row is left to train on: " + (n == 1 ? std::string("there is one row only")
                                                               : "all " + rows_text(n) + " are of one event time, " +
                                                                     format_event_time(table.axis, times.front())),
                      "widen the training window");
    }
  } else {
    const Duration length = std::get<settings::WindowDuration>(holdout).length;
    if (table.axis == TimeAxis::number) {
      throw DataError("a holdout of " + format_duration(length) + " needs an instant, and the time column is a number",
                      "give the holdout as a share, such as \"20%\"");
    }
    if (length <= Duration::zero()) throw DataError("a holdout of " + format_duration(length) + " holds no row");
    const EventTime cut = times.back() - static_cast<double>(length.count());
    begin = static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), cut) - times.begin());
    if (begin == 0) {
      throw DataError("no row is left to train on: all " + rows_text(n) + ", from " +
                          format_event_time(table.axis, times.front()) + " to " +
                          format_event_time(table.axis, times.back()) + ", lie within the holdout of " +
                          format_duration(length),
                      "widen the training window, or shorten the holdout");
    }
  }
  return Split{0, begin, n, times.front(), times[begin - 1]};
}

std::size_t first_fresh_row(const Table& table, const Split& split, std::optional<EventTime> trained_to) {
  if (!trained_to) return split.train_end;
  const auto& times = table.event_times;
  const auto after = std::upper_bound(times.begin(), times.end(), *trained_to) - times.begin();
  return std::clamp(static_cast<std::size_t>(after), split.train_end, split.holdout_end);
}

std::vector<std::uint32_t> cluster_rows(const Table& table, std::size_t begin, std::size_t end,
                                        const settings::Cluster& cluster) {
  if (begin > end || end > table.rows) throw std::logic_error("rows to cluster that the table does not have");
  const std::size_t rows = end - begin;
  return std::visit(
      [&]<class T>(const T& how) -> std::vector<std::uint32_t> {
        if constexpr (std::is_same_v<T, settings::ClusterAuto>) {
          return table.axis == TimeAxis::instant ? blocks_of_time(table, begin, end, std::chrono::hours(24))
                                                 : blocks_of_rows(rows, ceil_sqrt(rows));
        } else if constexpr (std::is_same_v<T, settings::ClusterNone>) {
          return blocks_of_rows(rows, 1);
        } else if constexpr (std::is_same_v<T, settings::WindowRows>) {
          return blocks_of_rows(rows, how.rows);
        } else if constexpr (std::is_same_v<T, settings::WindowDuration>) {
          return blocks_of_time(table, begin, end, how.length);
        } else {
          if (table.clusters.size() != table.rows) {
            throw DataError("the rows do not carry the cluster column \"" + how.column + "\"");
          }
          Numbering<std::int64_t> number;
          std::vector<std::uint32_t> out;
          out.reserve(rows);
          for (std::size_t i = begin; i < end; ++i) out.push_back(number(table.clusters[i]));
          return out;
        }
      },
      cluster);
}

}  // namespace retraind::data
