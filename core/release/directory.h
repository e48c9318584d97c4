#pragma once
// Versions as folders on a disk, for those who serve models from files: DIRECTORY/vN with the files of the artifact
// (manifest.json, preparation.json, model/…) and release.json, and the link DIRECTORY/current to the one in production.
// A reader that opens `current` sees a whole version, before, during and after an export, also when that is interrupted
// or the disk is full: a version is written beside, forced to the disk and renamed; then the link is swapped.
//
// Old versions stay until a person removes them. A folder vN that is there already is believed by its bytes, never by
// its name, and written anew where it differs. Refuses to follow links, to work in a folder that others may write (and
// that is not sticky), to replace what it did not make, and to mix two models in one folder. No function here reads a
// clock. Any thread may call it; two exports into one folder exclude each other, also those of two processes.

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/release/announcement.h"

namespace retraind::release {

// Returns what to note down: "v3 written (4 files, 120 KiB), current -> v3". `artifact` are the bytes that have
// announcement.artifact_sha256; they are checked once more. `before_switch` is called when all is in place and only
// `current` is still to move: where it throws, `current` stays. Throws TransientError when the system refuses
// something, when another process exports there, or when `stop` is requested; DataError for an artifact or a folder
// that cannot be used.
std::string export_version(const std::filesystem::path& directory, const Announcement& announcement,
                           std::string_view artifact, std::stop_token stop, const std::function<void()>& before_switch);

// Whether a file of this name may be made: relative, of parts that are neither empty nor "." nor "..", of at most 255
// bytes each, without control characters and backslashes.
bool is_safe_name(std::string_view name);

}  // namespace retraind::release
