#pragma once
// One version as a folder of files that needs no retraind to be used: `retraind export`. It holds the model in its
// library's own format (model/), how rows become numbers (preparation.json), where it comes from (lineage.json), what
// is in the folder (manifest.json) and how to load it (README.txt). It is there whole or not at all. Refuses to write
// into a folder that holds something, and to follow a link in the folder's place. Reads no clock. Any thread.

#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>

namespace retraind::release {

struct ModelToExport {
  std::string model;
  int version = 0;
  std::string artifact_sha256;  // 64 hexadecimal digits
  std::string_view artifact;    // the bytes; checked against it
  std::string lineage;          // JSON; empty: there is none, and no lineage.json
};

// Makes `directory`, or fills it where it is there and empty; what is above it must be there. manifest.json has the
// members of the artifact's own manifest, and model, version, artifact_sha256 and `files`: the SHA-256 of every other
// file by its name. Returns what to tell: "5 files, 120 KiB". Throws DataError for an artifact or a place that cannot
// be used, TransientError when the system refuses something or `stop` is requested; nothing is left then.
std::string export_model(const std::filesystem::path& directory, const ModelToExport& wanted,
                         std::stop_token stop = {});

}  // namespace retraind::release
