#pragma once
// Real data sets for tests: gzip CSV files in ../shared/data beside the source folder, or in the folder that the
// environment variable RETRAIND_DATA names. They are not part of the project; a test whose file is absent skips:
//
//   if (!real_data("elec2.csv.gz")) GTEST_SKIP() << missing_data("elec2.csv.gz");

#include <cstddef>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/test_database.h"

namespace retraind::testing {

// The file's path; std::nullopt when it is not there.
std::optional<std::filesystem::path> real_data(std::string_view name);

// "elec2.csv.gz is not in /x/shared/data; set RETRAIND_DATA to its folder".
std::string missing_data(std::string_view name);

struct Csv {
  std::vector<std::string> header;
  std::vector<TextRow> rows;  // an empty field is NULL
};

// Half-open range of data rows, counted from 0 without the header.
struct RowRange {
  std::size_t begin = 0;
  std::size_t end = std::numeric_limits<std::size_t>::max();
};

// Reads RFC 4180 CSV, gzipped or not. Throws std::runtime_error for a file that cannot be read and for a row whose
// number of fields differs from the header's.
Csv read_csv(const std::filesystem::path& path, RowRange range = {});

// Creates `table` with `columns` ("ts timestamp, price double precision, …", in the file's order) and copies the rows
// of real_data(name) into it. Returns how many. Throws std::runtime_error when the file is absent.
std::size_t load_csv(TestDatabase& database, const std::string& table, const std::string& columns,
                     std::string_view name, RowRange range = {});

}  // namespace retraind::testing
