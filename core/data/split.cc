#include "core/data/split.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>

#include "core/base/error.h"
#include "core/data/entity.h"
#include "core/data/row_order.h"
#include "core/data/spelling.h"
#include "core/settings/forms.h"

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

// By a value that each row has, one value a cluster.
template <class Value>
std::vector<std::uint32_t> blocks_of_values(const std::vector<Value>& values, std::size_t begin, std::size_t end) {
  Numbering<Value> number;
  std::vector<std::uint32_t> out;
  out.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) out.push_back(number(values[i]));
  return out;
}

std::uint64_t ceil_sqrt(std::size_t n) {
  auto root = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(n)));
  while (root * root < n) ++root;
  return std::max<std::uint64_t>(root, 1);
}

std::size_t distinct(const std::vector<std::uint64_t>& values) {
  return std::unordered_set<std::uint64_t>(values.begin(), values.end()).size();
}

// Rows [begin, end) of a column as numbers of its distinct values, in order of first appearance; -1 is missing.
struct Coded {
  std::vector<std::int32_t> codes;
  std::vector<std::string> texts;
};

Coded coded(const CategoryColumn& column, std::size_t begin, std::size_t end) {
  Coded out;
  std::vector<std::int32_t> code_of_level(column.levels.size(), -1);
  out.codes.reserve(end - begin);
  for (const std::int32_t level : std::span(column.codes).subspan(begin, end - begin)) {
    if (level < 0) {
      out.codes.push_back(-1);
      continue;
    }
    std::int32_t& code = code_of_level[static_cast<std::size_t>(level)];
    if (code < 0) {
      code = static_cast<std::int32_t>(out.texts.size());
      out.texts.push_back(column.levels[static_cast<std::size_t>(level)]);
    }
    out.codes.push_back(code);
  }
  return out;
}

Coded coded(const NumberColumn& column, bool truth, std::size_t begin, std::size_t end) {
  Coded out;
  std::unordered_map<float, std::int32_t> code_of_value;  // 0 and -0 compare equal
  out.codes.reserve(end - begin);
  for (const float value : std::span(column.values).subspan(begin, end - begin)) {
    if (std::isnan(value)) {
      out.codes.push_back(-1);
      continue;
    }
    const auto [at, added] = code_of_value.try_emplace(value, static_cast<std::int32_t>(out.texts.size()));
    if (added) out.texts.push_back(!truth ? spell_number(value) : value != 0 ? "true" : "false");
    out.codes.push_back(at->second);
  }
  return out;
}

const Column* column_named(const std::vector<Column>& columns, std::string_view name) {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

// The end of the training rows: those of [0, begin) that are at least `embargo` older than row `begin`.
std::size_t last_before_embargo(const Table& table, std::size_t begin, Duration embargo) {
  if (embargo < Duration::zero()) throw std::logic_error("a negative embargo");
  if (embargo == Duration::zero()) return begin;
  if (table.axis == TimeAxis::number) {
    throw DataError("an embargo of " + format_duration(embargo) + " needs an instant, and the time column is a number",
                    "leave training.embargo out, or give the query a time column that is a timestamp");
  }
  const EventTime newest = table.event_times[begin] - static_cast<double>(embargo.count());
  const auto older = std::span(table.event_times).first(begin);
  const auto end = static_cast<std::size_t>(std::upper_bound(older.begin(), older.end(), newest) - older.begin());
  if (end == 0) {
    throw DataError("no row is left to train on: all " + rows_text(begin) + " before the holdout, from " +
                        format_event_time(table.axis, older.front()) + " to " +
                        format_event_time(table.axis, older.back()) + ", lie within the embargo of " +
                        format_duration(embargo) + " before its first row at " +
                        format_event_time(table.axis, table.event_times[begin]),
                    "widen the training window, or shorten the embargo or the holdout");
  }
  return end;
}

}  // namespace

Split split_by_time(const Table& table, const settings::Holdout& holdout, Duration embargo) {
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
  const std::size_t train_end = last_before_embargo(table, begin, embargo);
  return {.train_begin = 0,
          .train_end = train_end,
          .holdout_begin = begin,
          .holdout_end = n,
          .trained_from = times.front(),
          .trained_to = times[train_end - 1]};
}

Split split_by_entity(Table& table, const settings::Holdout& holdout) {
  const std::size_t n = table.rows;
  if (n == 0) throw DataError("there is no row to split", "wait for labelled rows, or widen the training window");
  if (table.entities.size() != n) {
    throw DataError("the rows do not carry an entity column to hold entities out by", "set training.entity");
  }
  const auto* by_share = std::get_if<settings::HoldoutShare>(&holdout);
  if (by_share == nullptr) {
    throw DataError("a holdout of " + settings::format_holdout(holdout) + " cannot be made of entities",
                    "give the holdout as a share of the entities, such as \"20%\"");
  }
  const auto held_out = [&](std::uint64_t entity) { return is_held_out(entity, by_share->share); };

  std::vector<std::uint32_t> order;
  order.reserve(n);
  for (std::size_t i = 0; i < n; ++i) {
    if (!held_out(table.entities[i])) order.push_back(static_cast<std::uint32_t>(i));
  }
  const std::size_t train_end = order.size();
  if (train_end == 0 || train_end == n) {
    const std::size_t entities = distinct(table.entities);
    const std::string share = settings::format_holdout(holdout);
    const std::string all = entities == 1 ? "the only entity" : "all " + std::to_string(entities) + " entities";
    if (train_end == 0) {
      throw DataError(
          "no row is left to train on: " + all + " (" + rows_text(n) + ") fell into the holdout of " + share,
          "lower training.holdout, or widen the training window for more entities");
    }
    throw DataError(
        "no row is left to judge on: " + all + " (" + rows_text(n) + ") fell outside the holdout of " + share,
        "raise training.holdout, or widen the training window for more entities");
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (held_out(table.entities[i])) order.push_back(static_cast<std::uint32_t>(i));
  }
  reorder_rows(table, order);
  return {.train_begin = 0,
          .train_end = train_end,
          .holdout_begin = train_end,
          .holdout_end = n,
          .trained_from = table.event_times.front(),
          .trained_to = table.event_times[train_end - 1]};
}

std::size_t first_fresh_row(const Table& table, const Split& split, std::optional<EventTime> trained_to) {
  if (!trained_to) return split.holdout_begin;
  // Only the holdout is looked at: the table as a whole is not in the order of time when entities were held out.
  const auto holdout =
      std::span(table.event_times).subspan(split.holdout_begin, split.holdout_end - split.holdout_begin);
  const auto after = std::upper_bound(holdout.begin(), holdout.end(), *trained_to);
  return split.holdout_begin + static_cast<std::size_t>(after - holdout.begin());
}

std::optional<Slicing> slice_rows(const Table& table, std::size_t begin, std::size_t end, const std::string& column,
                                  std::size_t levels) {
  if (begin > end || end > table.rows) throw std::logic_error("rows to slice that the table does not have");
  const Column* found = column_named(table.features, column);
  if (found == nullptr) found = column_named(table.slices, column);
  if (found == nullptr) return std::nullopt;

  const auto* numbers = std::get_if<NumberColumn>(&found->values);
  Coded rows = numbers != nullptr ? coded(*numbers, found->type == ValueType::boolean, begin, end)
                                  : coded(std::get<CategoryColumn>(found->values), begin, end);
  std::vector<std::size_t> counts(rows.texts.size());
  for (const std::int32_t code : rows.codes) {
    if (code >= 0) ++counts[static_cast<std::size_t>(code)];
  }
  std::vector<std::size_t> order(rows.texts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const std::size_t kept = std::min(levels, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return counts[a] != counts[b] ? counts[a] > counts[b] : rows.texts[a] < rows.texts[b];
                    });

  Slicing out;
  std::vector<std::int32_t> place_of_code(rows.texts.size(), -1);
  for (std::size_t place = 0; place < kept; ++place) {
    place_of_code[order[place]] = static_cast<std::int32_t>(place);
    out.levels.push_back(std::move(rows.texts[order[place]]));
  }
  out.values = std::move(rows.codes);
  for (std::int32_t& value : out.values) {
    if (value >= 0) value = place_of_code[static_cast<std::size_t>(value)];
  }
  return out;
}

std::vector<std::uint32_t> cluster_rows(const Table& table, std::size_t begin, std::size_t end,
                                        const settings::Cluster& cluster) {
  if (begin > end || end > table.rows) throw std::logic_error("rows to cluster that the table does not have");
  const std::size_t rows = end - begin;
  return std::visit(
      [&]<class T>(const T& how) -> std::vector<std::uint32_t> {
        if constexpr (std::is_same_v<T, settings::ClusterAuto>) {
          if (!table.entities.empty()) return blocks_of_values(table.entities, begin, end);
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
          return blocks_of_values(table.clusters, begin, end);
        }
      },
      cluster);
}

}  // namespace retraind::data
