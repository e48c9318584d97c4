#include "daemon/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <vector>

#include "core/base/time.h"
#include "daemon/display_text.h"
#include "daemon/terminal.h"

namespace retraind::daemon {
namespace {

using runs::ColumnKind;

constexpr std::size_t kNarrowest = 16;  // a column of text is made no narrower for a terminal
constexpr std::string_view kGap = "  ";

// Words that deserve a second look, and words that say all went well; everything else is left plain.
constexpr std::array<std::string_view, 7> kBad = {"failed",  "error",       "rolled_back", "drifted",
                                                  "removed", "quarantined", "missing"};
constexpr std::array<std::string_view, 10> kWaiting = {"queued",  "running",          "awaiting_approval", "paused",
                                                       "waiting", "shadowing",        "pending",           "suppressed",
                                                       "open",    "insufficient_data"};
constexpr std::array<std::string_view, 5> kGood = {"promoted", "delivered", "kept", "active", "fired"};
// The columns in which those words stand.
constexpr std::array<std::string_view, 6> kStates = {"state", "last_run", "outcome", "decision", "verdict", "doing"};

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isdigit(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '+' || c == 'e';
  });
}

std::string cell_text(const std::optional<std::string>& cell, ColumnKind kind, bool utc) {
  if (!cell) return "-";
  if (kind == ColumnKind::time) return localised(*cell, utc);
  if (kind == ColumnKind::interval) return spelled_interval(*cell);
  return printable_text(*cell);
}

std::string_view colour_of(std::string_view column, const std::string& text) {
  if (text == "-") return {};
  if (column == "alerts") return kRed;
  if (std::find(kStates.begin(), kStates.end(), column) == kStates.end()) return {};
  if (std::find(kBad.begin(), kBad.end(), text) != kBad.end()) return kRed;
  if (std::find(kWaiting.begin(), kWaiting.end(), text) != kWaiting.end()) return kYellow;
  if (std::find(kGood.begin(), kGood.end(), text) != kGood.end()) return kGreen;
  return {};
}

std::string coloured(std::string_view colour, const std::string& text, bool wanted) {
  return wanted && !colour.empty() ? std::string(colour) + text + std::string(kPlain) : text;
}

struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::text;
  std::size_t width = 0;
  bool right = false;  // and a "-" among numbers likewise
};

// Takes columns from the widest texts until a line fits, as far as that goes.
void fit(std::vector<Column>& columns, std::size_t width) {
  std::size_t total = kGap.size() * (columns.size() - 1);
  for (const Column& column : columns) total += column.width;
  while (total > width) {
    Column* widest = nullptr;
    for (Column& column : columns) {
      if (column.kind != ColumnKind::text || column.right || column.width <= kNarrowest) continue;
      if (widest == nullptr || column.width > widest->width) widest = &column;
    }
    if (widest == nullptr) return;
    --widest->width;
    --total;
  }
}

// A line of cells, padded; a last one that stands left is not. With a width, what goes beyond it is cut.
class Line {
 public:
  Line(const std::vector<Column>& columns, const TableStyle& style) : columns_(columns), style_(style) {}

  void add(const std::string& cell, bool right, std::string_view colour) {
    const Column& column = columns_[next_];
    const bool is_last = ++next_ == columns_.size();
    std::string text = style_.width > 0 ? cut_to_width(cell, column.width) : cell;
    if (next_ > 1) put(std::string(kGap), {});
    const std::string pad(column.width - std::min(column.width, display_width(text)), ' ');
    if (right) put(pad, {});
    put(text, colour);
    if (!right && !is_last) put(pad, {});
  }
  std::string take() { return std::move(out_) + "\n"; }

 private:
  void put(const std::string& text, std::string_view colour) {
    if (style_.width == 0) {
      out_ += coloured(colour, text, style_.colour);
      return;
    }
    const std::size_t left = style_.width - std::min(style_.width, used_);
    if (left == 0) return;
    const std::string fits = cut_to_width(text, left);
    used_ += display_width(fits);
    out_ += coloured(colour, fits, style_.colour);
  }

  const std::vector<Column>& columns_;
  const TableStyle& style_;
  std::size_t next_ = 0;
  std::size_t used_ = 0;
  std::string out_;
};

}  // namespace

std::string localised(const std::string& text, bool utc) {
  const bool looks_like_time =
      text.size() >= 19 && text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':';
  if (!looks_like_time) return printable_text(text);
  const auto instant = parse_instant(text);
  if (!instant) return printable_text(text);
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(*instant).time_since_epoch().count();
  std::tm broken{};
  if (utc) {
    gmtime_r(&seconds, &broken);
  } else {
    localtime_r(&seconds, &broken);
  }
  char out[64];
  const std::size_t length = std::strftime(out, sizeof out, "%Y-%m-%d %H:%M:%S %z", &broken);
  return {out, length};
}

std::string spelled_interval(const std::string& text) {
  long long days = 0;
  int hours = 0;
  int minutes = 0;
  double seconds = 0;
  int read = 0;
  const char* rest = text.c_str();
  if (std::sscanf(rest, "%lld day%n", &days, &read) == 1 && read > 0) {
    rest += read;
    while (*rest == 's' || *rest == ' ') ++rest;
  } else {
    days = 0;
  }
  int end = 0;
  if (*rest != '\0' && (std::sscanf(rest, "%d:%d:%lf%n", &hours, &minutes, &seconds, &end) != 3 || rest[end] != '\0')) {
    return printable_text(text);
  }
  if (days < 0 || hours < 0 || minutes < 0 || seconds < 0 || text.starts_with('-')) return printable_text(text);
  if (days > 0) return fmt::format("{} d {} h", days, hours);
  if (hours > 0) return fmt::format("{} h {} min", hours, minutes);
  if (minutes > 0) return fmt::format("{} min {} s", minutes, static_cast<int>(seconds));
  if (seconds >= 1) return fmt::format("{:.1f} s", seconds);
  return fmt::format("{} ms", std::lround(seconds * 1000));
}

std::string render_table(const runs::Page& page, const TableStyle& style) {
  if (page.rows.empty()) return "(none)\n";
  std::vector<Column> columns;
  for (std::size_t i = 0; i < page.columns.size(); ++i) {
    const ColumnKind kind = i < page.kinds.size() ? page.kinds[i] : ColumnKind::text;
    columns.push_back({printable_text(page.columns[i]), kind, 0, kind != ColumnKind::time});
    columns.back().width = display_width(columns.back().name);
  }
  std::vector<std::vector<std::string>> cells;
  for (const auto& row : page.rows) {
    auto& line = cells.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(cell_text(row[i], columns[i].kind, style.utc));
      columns[i].width = std::max(columns[i].width, display_width(line.back()));
      // A column of numbers is one in which nothing else stands, whatever the database calls it.
      const bool counts = columns[i].kind == ColumnKind::interval || is_number(line.back());
      columns[i].right = columns[i].right && counts;
    }
  }
  if (style.width > 0) fit(columns, style.width);
  Line header(columns, style);
  for (const Column& column : columns) header.add(column.name, false, kBold);
  std::string out = header.take();
  Line rule(columns, style);
  for (const Column& column : columns) rule.add(std::string(std::min<std::size_t>(column.width, 40), '-'), false, {});
  out += rule.take();
  for (const auto& row : cells) {
    Line line(columns, style);
    for (std::size_t i = 0; i < row.size(); ++i) {
      // A number among texts still stands right, but a "-" stands with the texts.
      const bool right = columns[i].right || (is_number(row[i]) && row[i] != "-");
      line.add(row[i], right, style.colour ? colour_of(columns[i].name, row[i]) : std::string_view{});
    }
    out += line.take();
  }
  return out;
}

std::string render_record(const runs::Page& page, std::size_t row, const TableStyle& style) {
  std::size_t width = 0;
  for (const std::string& name : page.columns) width = std::max(width, display_width(name));
  std::string out;
  for (std::size_t i = 0; i < page.columns.size(); ++i) {
    const auto& cell = page.rows.at(row)[i];
    if (!cell) continue;
    const ColumnKind kind = i < page.kinds.size() ? page.kinds[i] : ColumnKind::text;
    std::string text = cell_text(cell, kind, style.utc);
    if (style.width > width + kGap.size()) text = cut_to_width(text, style.width - width - kGap.size());
    const std::string pad(width - display_width(page.columns[i]), ' ');
    out += page.columns[i] + pad + std::string(kGap) + coloured(colour_of(page.columns[i], text), text, style.colour);
    out += '\n';
  }
  return out;
}

}  // namespace retraind::daemon
