#include "core/settings/forms.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace retraind::settings {
namespace {

// The mean year of the Gregorian calendar.
constexpr Duration kYear = std::chrono::seconds(31'556'952);

// The whole number at the beginning of `text`, which is taken off; std::nullopt when there is none.
template <class Number>
std::optional<Number> take_number(std::string_view& text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  Number number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return number;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

std::optional<WindowRows> parse_rows(std::string_view text) {
  const auto rows = take_number<std::uint64_t>(text);
  if (!rows || text != " rows" || *rows < 1 || *rows > kMostRows) return std::nullopt;
  return WindowRows{*rows};
}

std::optional<WindowDuration> parse_length(std::string_view text) {
  const auto length = parse_duration(text);
  if (!length || *length <= Duration::zero() || *length > kLongest) return std::nullopt;
  return WindowDuration{*length};
}

struct NamedSeason {
  std::string_view name;
  Duration length;
};
constexpr std::array<NamedSeason, 3> kSeasons = {
    {{"day", std::chrono::hours(24)}, {"week", std::chrono::hours(24 * 7)}, {"year", kYear}}};

struct FormatForm {
  std::string operator()(WindowAll) const { return "all"; }
  std::string operator()(WindowRows rows) const { return fmt::format("{} rows", rows.rows); }
  std::string operator()(WindowDuration length) const { return format_duration(length.length); }
  std::string operator()(HoldoutShare share) const { return fmt::format("{:.12g}%", share.share * 100); }
  std::string operator()(ClusterAuto) const { return "auto"; }
  std::string operator()(ClusterNone) const { return "row"; }
  std::string operator()(const ClusterColumn& column) const { return column.column; }
  std::string operator()(SeasonAuto) const { return "auto"; }
  std::string operator()(SeasonNone) const { return "none"; }
  std::string operator()(SeasonPeriod period) const {
    for (const auto& [name, length] : kSeasons) {
      if (period.length == length) return std::string(name);
    }
    return format_duration(period.length);
  }
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

std::optional<Season> parse_season(std::string_view text) {
  if (text == "auto") return SeasonAuto{};
  if (text == "none") return SeasonNone{};
  for (const auto& [name, length] : kSeasons) {
    if (text == name) return SeasonPeriod{length};
  }
  if (const auto length = parse_length(text)) return SeasonPeriod{length->length};
  return std::nullopt;
}

std::string format_season(const Season& season) {
  return std::visit(FormatForm{}, season);
}

std::optional<AlarmBudget> parse_alarm_budget(std::string_view text) {
  const auto alarms = take_number<int>(text);
  if (!alarms || *alarms < 1 || *alarms > 1000 || !take(text, " per ")) return std::nullopt;
  const auto per = parse_length(text);
  if (!per) return std::nullopt;
  return AlarmBudget{.alarms = *alarms, .per = per->length};
}

std::string format_alarm_budget(const AlarmBudget& budget) {
  return fmt::format("{} per {}", budget.alarms, format_duration(budget.per));
}

std::optional<ChecksOf> parse_checks_of(std::string_view text) {
  const auto checks = take_number<int>(text);
  if (!checks || !take(text, " of ")) return std::nullopt;
  const auto of = take_number<int>(text);
  if (!of || !text.empty() || *checks < 1 || *checks > *of || *of > kMostChecks) return std::nullopt;
  return ChecksOf{.checks = *checks, .of = *of};
}

}  // namespace retraind::settings
