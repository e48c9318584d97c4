#include "tests/support/real_data.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace retraind::testing {
namespace {

std::filesystem::path data_folder() {
  if (const char* folder = std::getenv("RETRAIND_DATA"); folder != nullptr) return folder;
  return std::filesystem::path(RETRAIND_SOURCE_DIR) / ".." / "shared" / "data";
}

std::string read_gz(const std::filesystem::path& path) {
  const std::unique_ptr<gzFile_s, decltype(&gzclose)> file(gzopen(path.c_str(), "rb"), &gzclose);
  if (!file) throw std::runtime_error(fmt::format("{} cannot be opened", path.string()));
  std::string out;
  std::array<char, 1 << 16> buffer;
  int got = 0;
  while ((got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (got < 0) throw std::runtime_error(fmt::format("{} is damaged", path.string()));
  return out;
}

// Reads one record from `at` on and moves `at` behind it.
TextRow read_record(const std::string& text, std::size_t& at) {
  TextRow row;
  std::string field;
  bool quoted = false;
  while (true) {
    const bool end = at >= text.size();
    const char c = end ? '\n' : text[at];
    ++at;
    if (quoted && !end) {
      if (c != '"') {
        field += c;
      } else if (at < text.size() && text[at] == '"') {
        field += '"';
        ++at;
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',' || c == '\n') {
      if (c == '\n' && !field.empty() && field.back() == '\r') field.pop_back();
      row.push_back(field.empty() ? std::nullopt : std::optional(field));
      field.clear();
      if (c == '\n') return row;
    } else {
      field += c;
    }
  }
}

}  // namespace

std::optional<std::filesystem::path> real_data(std::string_view name) {
  const std::filesystem::path path = data_folder() / name;
  if (!std::filesystem::exists(path)) return std::nullopt;
  return std::filesystem::canonical(path);
}

std::string missing_data(std::string_view name) {
  return fmt::format("{} is not in {}; set RETRAIND_DATA to its folder", name,
                     data_folder().lexically_normal().string());
}

Csv read_csv(const std::filesystem::path& path, RowRange range) {
  const std::string text = read_gz(path);
  Csv csv;
  std::size_t at = 0;
  for (const auto& field : read_record(text, at)) csv.header.push_back(field.value_or(""));
  for (std::size_t number = 0; at < text.size() && number < range.end; ++number) {
    TextRow row = read_record(text, at);
    if (row.size() != csv.header.size()) {
      throw std::runtime_error(fmt::format("{}: row {} has {} fields, the header has {}", path.string(), number,
                                           row.size(), csv.header.size()));
    }
    if (number >= range.begin) csv.rows.push_back(std::move(row));
  }
  return csv;
}

std::size_t load_csv(TestDatabase& database, const std::string& table, const std::string& columns,
                     std::string_view name, RowRange range) {
  const auto path = real_data(name);
  if (!path) throw std::runtime_error(missing_data(name));
  const Csv csv = read_csv(*path, range);
  database.exec(fmt::format("CREATE TABLE {} ({})", table, columns));
  database.copy(table, csv.rows);
  database.exec(fmt::format("ANALYZE {}", table));
  return csv.rows.size();
}

}  // namespace retraind::testing
