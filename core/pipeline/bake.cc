#include "core/pipeline/bake.h"

#include "core/pipeline/trial_window.h"
#include "core/runs/approvals.h"
#include "core/runs/trials.h"
#include "core/settings/snapshot.h"

namespace retraind::pipeline {

void open_bake(store::Transaction& transaction, ModelId model, const settings::Model& settings, RunId run, int version,
               int against, TimeAxis axis, EventTime after, TimePoint now) {
  const settings::Validation& validation = settings.validation;
  if (validation.bake <= Duration::zero()) return;
  const TrialWindow window = trial_window(settings, validation.bake, axis, after, now);
  (void)runs::open_trial(transaction,
                         {.kind = TrialKind::bake,
                          .model = model,
                          .run = run,
                          .version = version,
                          .against = against,
                          .metric = validation.metric,
                          .bar = -validation.bake_tolerance,
                          .alpha = 1 - validation.bake_confidence,
                          .axis = axis,
                          .after = after,
                          .until = window.until,
                          .deadline = window.deadline,
                          .every = validation.trial_every},
                         now);
}

std::vector<OpenedBake> bake_approved(store::Transaction& transaction, const std::vector<std::string>& sources,
                                      TimePoint now) {
  std::vector<OpenedBake> out;
  for (const runs::UnbakedApproval& one : runs::list_unbaked_approvals(transaction, sources)) {
    const settings::Model settings = settings::model_from_json(one.configuration);
    // Whoever comes back after that has nothing left to watch over.
    if (one.approved_at + settings.validation.bake <= now) continue;
    open_bake(transaction, one.model, settings, one.run, one.version, one.previous, one.axis, one.after, now);
    out.push_back({.model = one.model_name, .run = one.run, .version = one.version, .against = one.previous});
  }
  return out;
}

}  // namespace retraind::pipeline
