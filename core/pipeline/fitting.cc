#include "core/pipeline/fitting.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/pipeline/job.h"

namespace retraind::pipeline {
namespace {

// `held_out`: the entities that the holdout consists of (held_out_entities); nullopt: the newest rows.
void require_fresh(const Measured& measured, const std::string& who, EventTime trained_to,
                   const std::optional<std::string>& entity, const std::optional<std::string>& held_out) {
  if (!measured.holdout_from || (held_out && entity == held_out) || *measured.holdout_from > trained_to) return;
  throw DataError(fmt::format("the worker judged on rows from {} on, and {} was trained on rows up to {}",
                              format_event_time(measured.axis, *measured.holdout_from), who,
                              format_event_time(measured.axis, trained_to)));
}

}  // namespace

void require_fitting(const Measured& measured, const settings::Model& model, const runs::ClaimedRun& run,
                     const std::optional<registry::VersionRecord>& candidate) {
  if (measured.comparison.metric != model.validation.metric) {
    throw DataError(fmt::format("the worker measured {}, but the run is decided by {}",
                                to_text(measured.comparison.metric), to_text(model.validation.metric)));
  }
  if (measured.judged_again != run.candidate.has_value()) {
    throw DataError(measured.judged_again ? "the worker judged a candidate again that was never trained"
                                          : "the worker trained anew, but the candidate was to be judged again");
  }
  if (candidate && candidate->artifact_sha256 != measured.artifact_sha256) {
    throw DataError(fmt::format("the worker judged an artifact with the sha256 {}, but that of version {} is {}",
                                measured.artifact_sha256, candidate->version, candidate->artifact_sha256));
  }
  if (measured.refit && !model.training.refit) {
    throw DataError("the worker trained the candidate again on all rows, which is not configured");
  }
  for (const evaluate::GateFigure& figure : measured.comparison.gates) {
    if (figure.gate >= model.validation.gates.size()) {
      throw DataError(fmt::format("the worker measured gate {}, but {} are configured", figure.gate + 1,
                                  model.validation.gates.size()));
    }
  }
}

void require_right_opponents(const Measured& measured, const settings::Model& model, const runs::ClaimedRun& run,
                             const std::optional<registry::VersionRecord>& candidate,
                             const std::optional<registry::ProductionVersion>& production,
                             const std::optional<registry::VersionRecord>& opponent) {
  const std::optional<int> anchor = anchor_beside(production, model.validation);
  if (measured.anchor && measured.anchor != anchor) {
    throw DataError(fmt::format("the worker held the candidate against version {}, which is not the best so far",
                                *measured.anchor));
  }
  if (anchor && !measured.anchor && measured.anchor_fault.empty()) {
    throw DataError(fmt::format(
        "the worker did not hold the candidate against version {}, the best so far, and did not say why", *anchor));
  }
  if (measured.stand_in && (!opponent || opponent->quarantined || measured.stand_in == measured.judged_against)) {
    throw DataError(
        fmt::format("the worker let version {} stand in for production, which it cannot", *measured.stand_in));
  }

  auto held_out = held_out_entities(model.training);
  if (candidate && candidate->entity != held_out) held_out.reset();
  if (!candidate && held_out) {
    // Trained just now, on all other entities.
  } else if (measured.refit) {
    require_fresh(measured, "the candidate", measured.refit->judged_to, std::nullopt, std::nullopt);
  } else {
    require_fresh(measured, candidate ? fmt::format("version {}", *run.candidate) : std::string("the candidate"),
                  candidate ? candidate->trained_to : measured.trained_to, candidate ? candidate->entity : std::nullopt,
                  held_out);
  }
  if (opponent) {
    require_fresh(measured, fmt::format("version {}", opponent->version), opponent->trained_to, opponent->entity,
                  held_out);
  }
}

std::optional<int> anchor_beside(const std::optional<registry::ProductionVersion>& production,
                                 const settings::Validation& validation) {
  if (validation.rule != Rule::non_inferior || !production || production->anchor == production->version) {
    return std::nullopt;
  }
  return production->anchor;
}

}  // namespace retraind::pipeline
