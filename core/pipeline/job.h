#pragma once
// What the daemon hands to a worker, and how it is written down. The job names files inside the worker's private
// directory only; the source's connection string travels by itself and is never in it. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

// The version to beat, as it was when the run was claimed.
struct ProductionModel {
  int version = 0;
  std::string artifact_file;    // beside the job
  std::string artifact_sha256;  // checked again by the worker before it is loaded
  TimeAxis axis = TimeAxis::instant;
  EventTime trained_to = 0;
};

struct Job {
  RunId run{};
  int attempt = 1;
  settings::Model model;
  TimePoint now{};
  std::uint64_t judged_before = 0;  // candidates judged against the same opponent before this one
  std::optional<ProductionModel> production;
};

std::string to_json(const Job& job);
// Throws DataError for anything to_json did not write.
Job job_from_json(std::string_view json);

}  // namespace retraind::pipeline
