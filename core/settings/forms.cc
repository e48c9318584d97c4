#include "core/settings/forms.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace retraind::settings {
namespace {

std::optional<WindowRows> parse_rows(std::string_view text) {
  std::uint64_t rows = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, rows);
  if (error != std::errc{} || stop == text.data()) return std::nullopt;
  if (std::string_view(stop, static_cast<std::size_t>(end - stop)) != " rows") return std::nullopt;
  if (rows < 1 || rows > kMostRows) return std::nullopt;
  return WindowRows{rows};
}

std::optional<WindowDuration> parse_length(std::string_view text) {
  const auto length = parse_duration(text);
  if (!length || *length <= Duration::zero() || *length > kLongest) return std::nullopt;
  return WindowDuration{*length};
}

struct FormatForm {
  std::string operator()(WindowAll) const { return "all"; }
  std::string operator()(WindowRows rows) const { return fmt::format("{} rows", rows.rows); }
  std::string operator()(WindowDuration length) const { return format_duration(length.length); }
  std::string operator()(HoldoutShare share) const { return fmt::format("{:.12g}%", share.share * 100); }
  std::string operator()(ClusterAuto) const { return "auto"; }
  std::string operator()(ClusterNone) const { return "row"; }
  std::string operator()(const ClusterColumn& column) const { return column.column; }
};

}  // namespace

std::optional<Window> parse_window(std::string_view text) {
  if (text == "all") return WindowAll{};
  if (const auto rows = parse_rows(text)) return *rows;
  if (const auto length = parse_length(text)) return *length;
  return std::nullopt;
}

std::string format_window(const Window& window) {
  return std::visit(FormatForm{}, window);
}

std::optional<Holdout> parse_holdout(std::string_view text) {
  if (text.ends_with('%')) {
    double percent = 0;
    const char* end = text.data() + text.size() - 1;
    const auto [stop, error] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
    if (error != std::errc{} || stop != end || !std::isfinite(percent)) return std::nullopt;
    const double share = percent / 100;
    if (!(share > 0 && share < 1)) return std::nullopt;
    return HoldoutShare{share};
  }
  if (const auto length = parse_length(text)) return *length;
  return std::nullopt;
}

std::string format_holdout(const Holdout& holdout) {
  return std::visit(FormatForm{}, holdout);
}

std::optional<Cluster> parse_cluster(std::string_view text) {
  if (text == "auto") return ClusterAuto{};
  if (text == "row") return ClusterNone{};
  if (const auto rows = parse_rows(text)) return *rows;
  if (const auto length = parse_length(text)) return *length;
  // "1 day" or "200rows" is a slip, not a column.
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return std::nullopt;
  return ClusterColumn{std::string(text)};
}

std::string format_cluster(const Cluster& cluster) {
  return std::visit(FormatForm{}, cluster);
}

}  // namespace retraind::settings
