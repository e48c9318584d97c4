#include <fmt/format.h>

#include <algorithm>

#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

// Takes one name of SQL, quoted or not, off the beginning. False when there is none.
bool take_identifier(std::string_view& text) {
  constexpr std::string_view kFirst = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kOthers = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789$";
  if (text.starts_with('"')) {
    std::size_t at = 1;
    while (at < text.size() && (text[at] != '"' || text.substr(at, 2) == "\"\"")) at += text[at] == '"' ? 2 : 1;
    if (at >= text.size() || at == 1) return false;
    text.remove_prefix(at + 1);
    return true;
  }
  if (text.empty() || kFirst.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(std::min(text.find_first_not_of(kOthers), text.size()));
  return true;
}

bool is_table_name(std::string_view text) {
  if (!take_identifier(text)) return false;
  if (text.empty()) return true;
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return take_identifier(text) && text.empty();
}

}  // namespace

void read_scoring(TableReader& reader, const Model& model, std::vector<SourceUse>& source_uses, Scoring& out) {
  constexpr std::string_view kTable = R"(the name of a table, such as "predictions" or "public.predictions")";
  if (reader.text("into", out.into, kTable) && !is_table_name(out.into)) {
    reader.complain("into", fmt::format("expected {}, found \"{}\"", kTable, printable(out.into)));
    out.into.clear();
  }
  const bool key_was_read = reader.texts("key", out.key, "an array of columns' names", "");
  if (std::find(out.key.begin(), out.key.end(), model.label) != out.key.end()) {
    reader.complain(
        "key", fmt::format("\"{}\" is the label, which is not known when a row is scored", printable(model.label)));
  }
  if (reader.text("source", out.source, "the name of a [source.NAME]")) {
    source_uses.push_back({reader.path(), out.source, reader.file(), reader.place_of("source")});
  }
  reader.text("query", out.query, "a SELECT statement");
  reader.duration("every", out.every, {std::chrono::milliseconds(100), kLongest});
  reader.integer("batch_rows", out.batch_rows, {1, 1000000});
  reader.duration("late_rows", out.late_rows);
  reader.finish();
  if (reader.has("into")) {
    if (!reader.has("key")) {
      reader.complain_at(reader.place(),
                         fmt::format("[{}] needs the key 'key': the columns by which a row is known, so "
                                     "that it is scored once",
                                     reader.path()));
    } else if (key_was_read && out.key.empty()) {
      reader.complain("key", "names no column; a row must be known by something, so that it is scored once");
    }
    return;
  }
  for (const std::string_view key : {"key", "source", "query", "every", "batch_rows", "late_rows"}) {
    if (reader.has(key)) reader.complain(key, "belongs to `into`, the table that the scores are written to");
  }
}

}  // namespace retraind::settings
