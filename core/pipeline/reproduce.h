#pragma once
// Makes a version again and holds it against what the registry has: `retraind reproduce`. Asks the source for the rows
// that its lineage describes, or takes those that were kept with it, trains as its run did (nothing is searched, judged
// or promoted), and compares. Changes nothing anywhere but in the folder it is given. Loads models and runs trainers:
// only in a process of its own, whose working directory is that folder and which has no other children. One thread.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "core/pipeline/lineage.h"
#include "core/pipeline/reproduction.h"
#include "core/settings/settings.h"
#include "core/train/trainer.h"

namespace retraind::pipeline {

// What the registry knows of the version.
struct VersionToReproduce {
  int version = 0;
  settings::Model model;  // as its run carried it
  Lineage lineage;
  std::string data_sha256;
  std::string artifact;  // its bytes
  std::string artifact_sha256;
  std::string parent_artifact;  // of the version it went on from; empty: none, or see parent_fault
  std::string parent_fault;     // why it could not be had
  std::optional<std::filesystem::path> kept_data;
};

struct ReproduceWishes {
  bool kept = false;                                // take the kept rows, and do not ask the source
  bool anyway = false;                              // train on the source's rows also where they are others
  std::optional<int> threads;                       // instead of the configuration's; the model does not depend on it
  std::string retraind;                             // this program's version
  std::function<void(std::uint64_t rows)> on_rows;  // both may be empty
  std::function<void(const train::Progress&)> on_progress;
};

// `source` is where its rows came from, as it is configured here; nullptr: it is not. What stands in the way of making
// the version again is part of the answer; throws only UnreachableError and TransientError of the source where no rows
// were kept, DataError where the registry's own records do not fit together, and std::system_error.
Reproduction reproduce(const VersionToReproduce& version, const settings::Source* source,
                       const std::filesystem::path& folder, const ReproduceWishes& wishes);

}  // namespace retraind::pipeline
