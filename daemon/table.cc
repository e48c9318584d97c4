#include "daemon/table.h"

#include <algorithm>
#include <cctype>
#include <ctime>

#include "core/base/time.h"

namespace retraind::daemon {
namespace {

// Columns whose width is counted in characters, not bytes, so that names with umlauts do not tear the table.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '+' || c == 'e';
  });
}

// "2026-11-23 16:05:00 +0100": PostgreSQL's timestamps, as the reader's clock shows them.
std::string localise(const std::string& text) {
  const bool looks_like_time =
      text.size() >= 19 && text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':';
  if (!looks_like_time) return text;
  const auto instant = parse_instant(text);
  if (!instant) return text;
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(*instant).time_since_epoch().count();
  std::tm local{};
  localtime_r(&seconds, &local);
  char out[64];
  const std::size_t length = std::strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S %z", &local);
  return {out, length};
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

std::string render_table(const runs::Page& page) {
  if (page.rows.empty()) return "(none)\n";
  std::vector<std::vector<std::string>> cells;
  std::vector<std::size_t> widths;
  for (const std::string& name : page.columns) widths.push_back(width_of(name));
  for (const auto& row : page.rows) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(row[i] ? one_line(localise(*row[i])) : "-");
      widths[i] = std::max(widths[i], width_of(line.back()));
    }
  }
  std::string out;
  const auto append = [&](const std::string& text, std::size_t column, bool right) {
    const std::string pad(widths[column] - width_of(text), ' ');
    const bool last = column + 1 == widths.size();
    out += right ? pad + text : last ? text : text + pad;
    out += last ? "\n" : "  ";
  };
  for (std::size_t i = 0; i < page.columns.size(); ++i) append(page.columns[i], i, false);
  for (std::size_t i = 0; i < widths.size(); ++i)
    append(std::string(std::min<std::size_t>(widths[i], 40), '-'), i, false);
  // A "-" stands with what the column has else: below texts it begins where they begin.
  std::vector<bool> texts(widths.size(), false);
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) texts[i] = texts[i] || !is_number(line[i]);
  }
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i)
      append(line[i], i, is_number(line[i]) && !(texts[i] && line[i] == "-"));
  }
  return out;
}

}  // namespace retraind::daemon
