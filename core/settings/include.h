#pragma once
// Which files an `include` pattern names, and reading a file whole. Thread-safe.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retraind::settings {

// The paths that match `pattern` (shell wildcards *, ? and [...]; no ~ and no {}), relative to `directory` unless
// absolute, sorted by byte. A pattern without a wildcard is returned as it is, whether the file exists or not.
std::vector<std::filesystem::path> expand(const std::filesystem::path& directory, const std::string& pattern);

// The folder that all paths of `pattern` are in or below, as far as no wildcard hides it.
std::filesystem::path fixed_folder(const std::filesystem::path& directory, const std::string& pattern);

struct FileText {
  std::optional<std::string> text;  // at most one byte more than `limit`
  std::string problem;              // why there is no text
};

// Refuses anything but a regular file: a pipe or a device could block or never end.
FileText read_file(const std::filesystem::path& path, std::size_t limit);

}  // namespace retraind::settings
