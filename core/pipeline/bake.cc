#include "core/pipeline/bake.h"

#include "core/pipeline/trial_window.h"
#include "core/runs/trials.h"

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

}  // namespace retraind::pipeline
