#pragma once
// A model version's artifact: one immutable byte string that holds everything needed to score, namely manifest.json
// (what it is: task, trainer and its version, features), preparation.json, and the trainer's own files below model/. It
// is a POSIX ustar archive with fixed metadata, so that the same contents give the same bytes and any tar can open it.
// Its sha256 is taken over the uncompressed archive; compression is the store's affair. Pure; reads only bytes whose
// sha256 the caller has checked.

#include <map>
#include <string>
#include <string_view>

#include "core/data/preparation.h"

namespace retraind::train {

struct Artifact {
  std::string manifest;  // JSON
  data::Preparation preparation;
  std::map<std::string, std::string> model_files;  // relative names, without "model/"
};

// Whether a model's file can have that name: not one that is absolute, empty, over 90 bytes, ends with a slash, or has
// "..", an empty part, a part ".", a line break or NUL in it.
bool can_hold_model_file(std::string_view name);

// Throws std::logic_error for a file name that it cannot hold.
std::string pack(const Artifact& artifact);

// Throws DataError for anything pack did not write: a wrong or missing entry, a link, a truncated archive.
Artifact unpack(std::string_view bytes);

}  // namespace retraind::train
