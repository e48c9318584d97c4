#pragma once
// The files of a version on their way from an artifact into a folder on a disk: what both a release and an export
// write. For the .cc files of this module; like core/release/folder.h it follows no link.

#include <cstdint>
#include <map>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "core/release/folder.h"

namespace retraind::release {

using Files = std::map<std::string, std::string>;  // name -> bytes, or name -> sha256

// manifest.json, preparation.json and model/…. Throws DataError for bytes that are no artifact, and for a file in it
// whose name is not written to a disk (is_safe_name).
Files files_of(std::string_view artifact);
Files hashes_of(const Files& files);
std::uint64_t bytes_of(const Files& files);

// The folders that files of these names need; each before those in it.
std::set<std::string> folders_of(const Files& files);
// In which folder below `folder` a file stands, opened step by step, and its last part.
std::pair<Descriptor, std::string> open_parent(int folder, const std::string& name);

// A new folder `name` below `parent` with these files, all on the disk when this returns. One that is there already was
// left by an export that was interrupted, and is removed first.
void write_files(int parent, const std::string& name, const Files& files, const std::stop_token& stop);

}  // namespace retraind::release
