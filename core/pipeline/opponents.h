#pragma once
// The models a candidate is judged by, opened: production, or the best version that still loads where it does not, and
// the best version so far where the rule asks for it. In a worker only, since loading may crash. One thread.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/data/schema.h"
#include "core/pipeline/job.h"
#include "core/pipeline/scorer.h"

namespace retraind::pipeline {

// A version whose model is open.
struct OpenVersion {
  JobVersion version;
  Scorer scorer;
};

struct Opponents {
  std::optional<OpenVersion> opponent;  // absent: there is none, and the baseline is judged against
  bool stands_in = false;               // it is not production
  std::string production_fault;         // why production could not be opened; empty: it was, or there is none
  std::optional<OpenVersion> anchor;    // absent: not asked for, or see anchor_fault
  std::string anchor_fault;
};

// Never throws for a version that does not load: that is what it finds out. Versions that answer another question than
// the configuration asks (another task) do not count as loading.
Opponents open_opponents(const Job& job, const std::filesystem::path& folder);

// A version needs columns that a query may no longer return. Throws DataError for production, whose schema broke; an
// anchor or a stand-in without its columns is let go instead, which is noted in `opponents`.
void require_columns(Opponents& opponents, const std::vector<data::SourceColumn>& columns);

// Adds what the open versions need to the columns that are read.
void add_features(const Opponents& opponents, const std::vector<data::SourceColumn>& columns, data::Roles& roles);

}  // namespace retraind::pipeline
