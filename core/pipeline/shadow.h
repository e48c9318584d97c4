#pragma once
// The second chance of a candidate that its holdout neither proved better nor worse: it and production are scored on
// the same new rows (trial.h). Works inside the transaction that ends the run as shadowing.

#include <cstdint>
#include <optional>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::pipeline {

// Opens the shadow of the candidate `version` against the production version `against`; `after` is the newest event
// time that its run has read, `judged_before` how many candidates were judged against that version before its run: the
// shadow is one attempt more, and alpha is spent on it accordingly. std::nullopt, and nothing done, where
// validation.shadow is zero or another shadow of the model is open: the older one stays, since it has gathered
// evidence.
std::optional<TrialId> open_shadow(store::Transaction& transaction, ModelId model, const settings::Model& settings,
                                   RunId run, int version, int against, TimeAxis axis, EventTime after,
                                   std::uint64_t judged_before, TimePoint now);

}  // namespace retraind::pipeline
