#pragma once
// Files that are there whole or not at all, and reading what another process wrote without trusting it.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace retraind::pipeline {

// Writes beside, fsyncs, renames and fsyncs the folder. Throws std::system_error; a file of that name is then as it
// was.
void write_durable_file(const std::filesystem::path& path, std::string_view bytes);

// Reads a regular file, never through a link. Throws DataError when it is missing, no regular file or longer than
// `most_bytes`, std::system_error when reading fails.
std::string read_whole_file(const std::filesystem::path& path, std::uint64_t most_bytes);

}  // namespace retraind::pipeline
