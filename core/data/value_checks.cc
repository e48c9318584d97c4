#include "core/data/value_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "core/base/text.h"
#include "core/data/spelling.h"

namespace retraind::data {
namespace {

constexpr std::size_t kShownTimes = 3;
constexpr std::size_t kShownValues = 5;
constexpr std::size_t kShownBytes = 60;  // of one text
constexpr double kFewRows = 20;

bool is_null(float value) {
  return std::isnan(value) && !is_stored_nan(value);
}

std::string spell(float value) {
  if (value >= FLT_MAX) return "infinity";
  if (value <= -FLT_MAX) return "-infinity";
  return spell_number(value);
}

// A bound as a literal of SQL. A real column compared with a decimal would be widened, and 0.1::real is above 0.1.
std::string literal(const Column& column, double value) {
  const std::string text = format_number(value);
  return column.sql_type == "real" ? fmt::format("real '{}'", text) : text;
}

std::optional<double> parse_number(const std::string& text) {
  double value = 0;
  const char* begin = text.data();
  const char* end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  const auto [stop, fault] = std::from_chars(begin, end, value);
  if (fault != std::errc{} || stop != end || begin == end || std::isnan(value)) return std::nullopt;
  return value;
}

Finding found(const ValueCheck& what, std::string check, std::uint64_t rows) {
  Finding finding;
  finding.kind = FindingKind::value;
  finding.check = std::move(check);
  finding.column = what.column.name;
  finding.rows = rows;
  return finding;
}

std::string shown(const std::string& text) {
  if (text.size() <= kShownBytes) return '"' + text + '"';
  std::size_t end = kShownBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // not within a letter
  return '"' + text.substr(0, end) + "…\"";
}

}  // namespace

void Offenders::add(std::size_t row) {
  ++rows_;
  if (others_) return;
  const EventTime time = table_.event_times[row];
  if (std::find(times_.begin(), times_.end(), time) != times_.end()) return;
  if (times_.size() < kShownTimes) {
    times_.push_back(time);
  } else {
    others_ = true;
  }
}

std::string Offenders::where() const {
  std::string out;
  for (std::size_t i = 0; i < times_.size(); ++i) {
    const bool last = i + 1 == times_.size() && !others_;
    out += i == 0 ? ", at " : last ? " and " : ", ";
    out += format_event_time(table_.axis, times_[i]);
  }
  return others_ ? out + " and other times" : out;
}

std::string percent(double share) {
  return fmt::format("{:.4g} %", share * 100);
}

std::string rows_text(std::uint64_t rows) {
  return fmt::format("{} row{}", rows, rows == 1 ? "" : "s");
}

std::optional<Finding> check_nulls(const ValueCheck& what, std::optional<double> max_null_share,
                                   std::optional<double> learned, double tolerance) {
  if (what.table.rows == 0 || (!max_null_share && !learned)) return std::nullopt;
  Offenders offenders(what.table);
  if (const auto* numbers = std::get_if<NumberColumn>(&what.column.values)) {
    for (std::size_t i = 0; i < numbers->values.size(); ++i) {
      if (is_null(numbers->values[i])) offenders.add(i);
    }
  } else {
    const auto& codes = std::get<CategoryColumn>(what.column.values).codes;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      if (codes[i] < 0) offenders.add(i);
    }
  }
  const auto rows = static_cast<double>(what.table.rows);
  const auto nulls = static_cast<double>(offenders.rows());
  const double share = nulls / rows;
  const double bound = max_null_share ? *max_null_share : std::min(1.0, *learned + tolerance);
  if (!(share > bound)) return std::nullopt;
  if (!max_null_share && nulls - *learned * rows < kFewRows) return std::nullopt;

  Finding finding = found(what, "null_share", offenders.rows());
  finding.observed = share;
  finding.threshold = bound;
  const std::string begin = fmt::format("{} is NULL in {} of {} ({})", quoted_name(what.column.name), offenders.rows(),
                                        rows_text(what.table.rows), percent(share));
  const std::string middle =
      max_null_share ? fmt::format("more than the {} that its max_null_share allows", percent(bound))
                     : fmt::format("and was in {} of them when the model was first promoted, of which {} is let pass",
                                   percent(*learned), percent(bound));
  finding.sentence = fmt::format("{}, {}{}", begin, middle, offenders.where());
  finding.query = what.sql.rows(quoted_name(what.column.name) + " IS NULL");
  return finding;
}

std::optional<Finding> check_range(const ValueCheck& what, std::optional<double> min, std::optional<double> max) {
  const auto* numbers = std::get_if<NumberColumn>(&what.column.values);
  if (numbers == nullptr || (!min && !max)) return std::nullopt;
  const float low = to_float(min.value_or(-FLT_MAX));
  const float high = to_float(max.value_or(FLT_MAX));
  Offenders offenders(what.table);
  std::uint64_t below = 0;
  std::uint64_t above = 0;
  std::uint64_t nans = 0;
  float lowest = FLT_MAX;
  float highest = -FLT_MAX;
  for (std::size_t i = 0; i < numbers->values.size(); ++i) {
    const float value = numbers->values[i];
    if (is_stored_nan(value)) {
      ++nans;
    } else if (value < low) {
      ++below;
      lowest = std::min(lowest, value);
    } else if (value > high) {
      ++above;
      highest = std::max(highest, value);
    } else {
      continue;
    }
    offenders.add(i);
  }
  if (offenders.rows() == 0) return std::nullopt;

  Finding finding = found(what, "range", offenders.rows());
  const std::string name = quoted_name(what.column.name);
  std::vector<std::string> parts;
  std::vector<std::string> conditions;
  if (below > 0) {
    parts.push_back(fmt::format("below {} in {} (down to {})", format_number(*min), rows_text(below), spell(lowest)));
    finding.observed = lowest;
    finding.threshold = *min;
  }
  if (above > 0) {
    parts.push_back(fmt::format("above {} in {} (up to {})", format_number(*max), rows_text(above), spell(highest)));
    finding.observed = highest;
    finding.threshold = *max;
  }
  if (nans > 0) parts.push_back(fmt::format("NaN in {}", rows_text(nans)));
  // PostgreSQL's NaN is above every number, so that `>` finds it too.
  if (min) conditions.push_back(fmt::format("{} < {}", name, literal(what.column, *min)));
  if (max) conditions.push_back(fmt::format("{} > {}", name, literal(what.column, *max)));
  if (nans > 0 && !max) conditions.push_back(name + " = 'NaN'");
  const std::string condition = conditions.size() == 1   ? conditions.front()
                                : conditions.size() == 2 ? fmt::format("({} OR {})", conditions[0], conditions[1])
                                                         : "";
  std::string list;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    list += i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ";
    list += parts[i];
  }
  finding.sentence = fmt::format("{} is {}, of {}{}", name, list, rows_text(what.table.rows), offenders.where());
  finding.query = what.sql.rows(condition);
  return finding;
}

std::optional<Finding> check_allowed(const ValueCheck& what, const std::vector<std::string>& allowed) {
  Offenders offenders(what.table);
  std::map<std::string, std::uint64_t> strangers;
  const std::string name = quoted_name(what.column.name);
  std::string condition;
  const auto list_item = [&condition](const std::string& item) {
    if (!condition.empty()) condition += ", ";
    condition += item;
  };
  if (const auto* categories = std::get_if<CategoryColumn>(&what.column.values)) {
    const std::set<std::string> known(allowed.begin(), allowed.end());
    std::vector<std::uint64_t> counts(categories->levels.size());
    std::vector<bool> strange;
    for (const std::string& level : categories->levels) strange.push_back(!known.contains(level));
    for (std::size_t i = 0; i < categories->codes.size(); ++i) {
      if (categories->codes[i] < 0 || !strange[static_cast<std::size_t>(categories->codes[i])]) continue;
      ++counts[static_cast<std::size_t>(categories->codes[i])];
      offenders.add(i);
    }
    for (std::size_t level = 0; level < counts.size(); ++level) {
      if (counts[level] > 0) strangers[categories->levels[level]] = counts[level];
    }
    for (const std::string& text : known) list_item(quoted_text(text));
    condition = name + "::text" + (condition.empty() ? " IS NOT NULL" : " NOT IN (" + condition + ")");
  } else {
    const bool truth = what.column.type == ValueType::boolean;
    const auto& values = std::get<NumberColumn>(what.column.values).values;
    std::set<float> known;
    bool nan_known = false;
    for (const std::string& text : allowed) {
      if (truth) {
        if (text == "true" || text == "false") known.insert(text == "true" ? 1.0F : 0.0F);
      } else if (const auto value = parse_number(text)) {
        known.insert(to_float(*value));
        list_item(literal(what.column, *value));
      } else if (text == "nan" || text == "NaN") {
        nan_known = true;
        list_item("'NaN'");
      }
    }
    if (truth) {
      for (const float value : known) list_item(value == 0 ? "false" : "true");
    }
    std::map<float, std::uint64_t> counts;
    std::uint64_t nans = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(values[i])) {
        if (nan_known || is_null(values[i])) continue;
        ++nans;
      } else if (known.contains(values[i])) {
        continue;
      } else {
        ++counts[values[i]];
      }
      offenders.add(i);
    }
    for (const auto& [value, rows] : counts) strangers[truth ? (value == 0 ? "false" : "true") : spell(value)] = rows;
    if (nans > 0) strangers["nan"] = nans;
    condition = name + (condition.empty() ? " IS NOT NULL" : " NOT IN (" + condition + ")");
  }
  if (offenders.rows() == 0) return std::nullopt;

  // The most frequent first; ties by their text.
  std::vector<std::pair<std::string, std::uint64_t>> sorted(strangers.begin(), strangers.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string list;
  for (std::size_t i = 0; i < sorted.size() && i < kShownValues; ++i) {
    list += (i == 0 ? "" : ", ") + fmt::format("{} ({})", shown(sorted[i].first), rows_text(sorted[i].second));
  }
  if (sorted.size() > kShownValues) list += fmt::format(" and {} more", sorted.size() - kShownValues);

  Finding finding = found(what, "allowed", offenders.rows());
  finding.observed = static_cast<double>(sorted.size());
  finding.threshold = 0;
  finding.sentence = fmt::format("{} is not among the allowed values in {} of {}: {}{}", name, offenders.rows(),
                                 rows_text(what.table.rows), list, offenders.where());
  finding.query = what.sql.rows(condition);
  return finding;
}

}  // namespace retraind::data
