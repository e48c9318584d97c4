#pragma once
// Whether what a worker measured is what had to be decided: nothing but figures that our own worker, with this very
// configuration and this very registry, would have sent. For the .cc files of this module only.

#include <optional>

#include "core/pipeline/result.h"
#include "core/registry/versions.h"
#include "core/runs/run_queue.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

// Throws DataError where the worker measured something else than the configuration asks for, or another candidate than
// the one that was to be judged again.
void require_fitting(const Measured& measured, const settings::Model& model, const runs::ClaimedRun& run,
                     const std::optional<registry::VersionRecord>& candidate);

// Throws DataError for an anchor or a stand-in that is not the registry's, and for rows that the candidate or its
// opponent was trained on. `production` is what the candidate was judged against, `opponent` what was scored for it:
// the same, or the stand-in; nullopt: the baseline.
void require_right_opponents(const Measured& measured, const settings::Model& model, const runs::ClaimedRun& run,
                             const std::optional<registry::VersionRecord>& candidate,
                             const std::optional<registry::ProductionVersion>& production,
                             const std::optional<registry::VersionRecord>& opponent);

// The best version so far that candidates are held against beside production; nullopt: production is the best, there is
// none, or the rule does not ask for it.
std::optional<int> anchor_beside(const std::optional<registry::ProductionVersion>& production,
                                 const settings::Validation& validation);

}  // namespace retraind::pipeline
