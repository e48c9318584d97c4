#include "core/pipeline/opponents.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace retraind::pipeline {
namespace {

// A version that loads and answers the question asked; otherwise why not.
std::optional<OpenVersion> open_version(const Job& job, const JobVersion& version, const std::filesystem::path& folder,
                                        std::string& fault) {
  fault = version.fault;
  if (!fault.empty()) return std::nullopt;
  try {
    OpenVersion out{.version = version,
                    .scorer = open_artifact_file(job.model, folder / version.artifact_file, version.artifact_sha256,
                                                 fmt::format("version {}", version.version))};
    if (out.scorer.preparation.task() == job.model.task) return out;
    fault = fmt::format("version {} answers a {} question", version.version, to_text(out.scorer.preparation.task()));
  } catch (const DataError& error) {
    fault = error.what();
  }
  return std::nullopt;
}

std::optional<std::size_t> place_of(const std::vector<data::SourceColumn>& columns, const std::string& name) {
  const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == name; });
  if (found == columns.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns.begin());
}

std::optional<std::string> missing_column(const OpenVersion& version, const std::vector<data::SourceColumn>& columns) {
  for (const data::PreparedFeature& feature : version.scorer.preparation.features()) {
    if (!place_of(columns, feature.name)) return feature.name;
  }
  return std::nullopt;
}

void add_features_of(const OpenVersion& version, const std::vector<data::SourceColumn>& columns, data::Roles& roles) {
  for (const data::PreparedFeature& feature : version.scorer.preparation.features()) {
    const std::size_t place = place_of(columns, feature.name).value();
    if (std::find(roles.features.begin(), roles.features.end(), place) == roles.features.end()) {
      roles.features.push_back(place);
    }
  }
}

}  // namespace

Opponents open_opponents(const Job& job, const std::filesystem::path& folder) {
  Opponents out;
  if (job.production) {
    out.opponent = open_version(job, *job.production, folder, out.production_fault);
    for (auto version = job.stand_ins.begin(); !out.opponent && version != job.stand_ins.end(); ++version) {
      std::string ignored;
      out.opponent = open_version(job, *version, folder, ignored);
      out.stands_in = out.opponent.has_value();
    }
  }
  if (job.anchor) out.anchor = open_version(job, *job.anchor, folder, out.anchor_fault);
  return out;
}

void require_columns(Opponents& opponents, const std::vector<data::SourceColumn>& columns) {
  if (opponents.anchor) {
    if (const auto missing = missing_column(*opponents.anchor, columns)) {
      opponents.anchor_fault = fmt::format("version {} needs the column \"{}\", which the query no longer returns",
                                           opponents.anchor->version.version, *missing);
      opponents.anchor.reset();
    }
  }
  if (!opponents.opponent) return;
  const auto missing = missing_column(*opponents.opponent, columns);
  if (!missing) return;
  if (!opponents.stands_in) {
    throw DataError(fmt::format("production version {} needs the column \"{}\", which the query no longer returns",
                                opponents.opponent->version.version, *missing),
                    "keep it in the query until a model without it is in production; it need not stand in `features`");
  }
  opponents.opponent.reset();
  opponents.stands_in = false;
}

void add_features(const Opponents& opponents, const std::vector<data::SourceColumn>& columns, data::Roles& roles) {
  if (opponents.opponent) add_features_of(*opponents.opponent, columns, roles);
  if (opponents.anchor) add_features_of(*opponents.anchor, columns, roles);
  std::sort(roles.features.begin(), roles.features.end());
}

}  // namespace retraind::pipeline
