#include "core/data/sql_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/text.h"

namespace retraind::data {
namespace {

constexpr int kShownRows = 100;

std::string in(char quote, std::string_view text) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out + quote;
}

bool continues_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 128;
}

// Behind the quoted text that begins at `at`; nullopt when it does not end. A doubled quote reads as two texts side by
// side, which ends at the same place.
std::optional<std::size_t> behind_quote(std::string_view sql, std::size_t at) {
  const bool escapes = sql[at] == '\'' && at > 0 && (sql[at - 1] == 'e' || sql[at - 1] == 'E') &&
                       (at < 2 || !continues_name(sql[at - 2]));
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (escapes && sql[i] == '\\') {
      ++i;
    } else if (sql[i] == sql[at]) {
      return i + 1;
    }
  }
  return std::nullopt;
}

// Behind the comment that begins at `at`; such comments nest.
std::optional<std::size_t> behind_comment(std::string_view sql, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i + 1 < sql.size(); ++i) {
    if (sql[i] == '/' && sql[i + 1] == '*') {
      ++depth;
      ++i;
    } else if (sql[i] == '*' && sql[i + 1] == '/') {
      ++i;
      if (--depth == 0) return i + 1;
    }
  }
  return std::nullopt;
}

// Behind the dollar quote that begins at `at`; `at` + 1 when none does.
std::optional<std::size_t> behind_dollar(std::string_view sql, std::size_t at) {
  if (at > 0 && continues_name(sql[at - 1])) return at + 1;
  std::size_t end = at + 1;
  while (end < sql.size() && sql[end] != '$' && continues_name(sql[end])) ++end;
  const bool digit = at + 1 < sql.size() && sql[at + 1] >= '0' && sql[at + 1] <= '9';
  if (end >= sql.size() || sql[end] != '$' || digit) return at + 1;
  const std::string_view tag = sql.substr(at, end + 1 - at);
  const std::size_t close = sql.find(tag, end + 1);
  if (close == std::string_view::npos) return std::nullopt;
  return close + tag.size();
}

// As PostgreSQL reads it back: ISO for the years that everybody writes so, Julian days beyond.
std::string instant_text(EventTime value) {
  constexpr double kFirst = -62135596800e6;  // 0001-01-01
  constexpr double kLast = 253402300800e6;   // 10000-01-01
  if (value >= kFirst && value < kLast) return quoted_text(format_instant(to_instant(value)));
  constexpr double kDay = 86400e6;
  const double day = std::floor(value / kDay);
  const auto seconds = static_cast<std::int64_t>((value - day * kDay) / 1e6);
  return fmt::format("'J{:.0f} {:02}:{:02}:{:02}+00'", day + 2440588, seconds / 3600, seconds / 60 % 60, seconds % 60);
}

std::string time_text(TimeAxis axis, EventTime value) {
  return axis == TimeAxis::instant ? instant_text(value) : format_number(value);
}

}  // namespace

std::string quoted_name(std::string_view name) {
  return in('"', name);
}

std::string quoted_text(std::string_view text) {
  return in('\'', text);
}

std::string_view without_end(std::string_view query) {
  std::size_t end = 0;  // behind the last that is neither blank, comment nor semicolon
  for (std::size_t at = 0; at < query.size();) {
    const char c = query[at];
    const std::string_view two = query.substr(at, 2);
    if (two == "--") {
      at = std::min(query.find('\n', at), query.size());
    } else if (two == "/*") {
      const auto behind = behind_comment(query, at);
      if (!behind) return query;
      at = *behind;
    } else if (c == ' ' || (c >= '\t' && c <= '\r') || c == ';') {
      ++at;
    } else {
      const auto behind = c == '\'' || c == '"' ? behind_quote(query, at)
                          : c == '$'            ? behind_dollar(query, at)
                                                : at + 1;
      if (!behind) return query;
      end = at = *behind;
    }
  }
  return query.substr(0, end);
}

std::vector<std::string> range_conditions(const settings::Model& model, TimeAxis axis, const EventRange& range) {
  std::vector<std::string> out;
  const std::string time = quoted_name(model.time_column);
  if (range.after && std::isfinite(*range.after)) out.push_back(time + " > " + time_text(axis, *range.after));
  if (range.until && std::isfinite(*range.until)) out.push_back(time + " <= " + time_text(axis, *range.until));
  return out;
}

std::string RowQuery::select(const std::string& what, const std::string& condition, const std::string& rest) const {
  std::vector<std::string> conditions = range_conditions(model_, axis_, range_);
  if (!condition.empty()) conditions.push_back(condition);
  std::string where;
  for (const std::string& one : conditions) where += (where.empty() ? " WHERE " : " AND ") + one;
  // On lines of its own, since the query may end in a comment.
  return fmt::format("SELECT {} FROM (\n{}\n) AS q{}{}", what, without_end(model_.query), where,
                     rest.empty() ? "" : " " + rest);
}

std::string RowQuery::rows(const std::string& condition, bool newest_first) const {
  return select(
      "*", condition,
      fmt::format("ORDER BY {}{} LIMIT {}", quoted_name(model_.time_column), newest_first ? " DESC" : "", kShownRows));
}

std::string RowQuery::repeated(const std::vector<std::string>& columns) const {
  std::string list;
  for (const std::string& column : columns) list += (list.empty() ? "" : ", ") + quoted_name(column);
  return fmt::format("SELECT * FROM (\n{}\n) AS r WHERE rows_alike > 1 ORDER BY {}, {} LIMIT {}",
                     select("q.*, count(*) OVER (PARTITION BY " + list + ") AS rows_alike", "", ""), list,
                     quoted_name(model_.time_column), kShownRows);
}

}  // namespace retraind::data
