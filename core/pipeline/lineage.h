#pragma once
// Where a version comes from, all that it takes to make it again: the rows asked for and their digests, the trainer and
// its files, the parameters that were used, the version it went on from. Written once, with the version. Plain values.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/data/digest.h"
#include "core/pipeline/extraction.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

struct LineageParent {
  int version = 0;
  std::string artifact_sha256;
};

struct LineageRefit {
  std::string judged_artifact_sha256;
  std::uint64_t judged_train_rows = 0;
  EventTime judged_trained_to = 0;
};

struct Lineage {
  std::string retraind;                              // versions
  std::string trainer;                               // "xgboost 1.7.4"
  std::map<std::string, std::string> program_files;  // sha256 by path, of a command trainer
  std::string query;
  std::string schema;
  Extent extent;
  std::uint64_t rows = 0;  // read
  std::string data_sha256;
  std::optional<data::TableDigest> digest;  // absent in versions made before it was kept
  std::uint64_t train_begin = 0;            // places of the training rows in the (sampled, ordered) table, half-open
  std::uint64_t train_end = 0;
  std::uint64_t seed = 1;
  int rounds = 0;                                     // those used, which a search may have chosen
  std::map<std::string, settings::Parameter> params;  // likewise
  std::optional<LineageParent> parent;                // warm start
  std::optional<LineageRefit> refit;
  std::optional<std::string> kept_data_sha256;
  std::vector<std::string> warnings;
};

std::string to_json(const Lineage& lineage);
// Versions made by earlier releases have less in theirs; what is absent keeps its default. Throws DataError.
Lineage lineage_from_json(std::string_view json);

}  // namespace retraind::pipeline
