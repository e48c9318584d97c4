#pragma once
// What the daemon hands to a worker, and how it is written down. The job names files inside the worker's private
// directory only; the source's connection string travels by itself and is never in it. Plain values.

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/data/expectation.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

// A version whose model the worker opens.
struct JobVersion {
  int version = 0;
  std::string artifact_file;    // beside the job
  std::string artifact_sha256;  // checked again by the worker before it is loaded
  TimeAxis axis = TimeAxis::instant;
  EventTime trained_from = 0;
  EventTime trained_to = 0;
  std::optional<std::string> entity;  // the column whose entities it has held out; nullopt: the newest rows
  std::string fault;                  // why the registry could not hand it out; empty: it did
};

struct Job {
  RunId run{};
  int attempt = 1;
  settings::Model model;
  TimePoint now{};
  std::uint64_t judged_before = 0;  // candidates judged against the same opponent before this one
  std::optional<JobVersion> production;
  std::vector<JobVersion> stand_ins;    // for a production that does not load, the best first
  std::optional<JobVersion> anchor;     // the best version so far, where the rule asks for it and it is not production
  std::optional<JobVersion> candidate;  // trained by an earlier attempt: judged again, not trained again
  // What the rows looked like when the model was first promoted under its query; nullopt: nothing was yet.
  std::optional<data::Expectation> expectation;
};

// What a version trained under these settings has held out, for JobVersion::entity: the column and the share. Two
// versions with the same text never saw an entity that the other is judged on.
std::optional<std::string> held_out_entities(const settings::Training& training);

std::string to_json(const Job& job);
// Throws DataError for anything to_json did not write.
Job job_from_json(std::string_view json);

boost::json::value to_json(const JobVersion& version);
JobVersion job_version_from_json(const boost::json::value& value, const std::string& what);  // throws DataError

}  // namespace retraind::pipeline
