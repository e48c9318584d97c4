#include "core/pipeline/shadow.h"

#include "core/evaluate/decide.h"
#include "core/pipeline/trial_window.h"
#include "core/runs/trials.h"

namespace retraind::pipeline {

std::optional<TrialId> open_shadow(store::Transaction& transaction, ModelId model, const settings::Model& settings,
                                   RunId run, int version, int against, TimeAxis axis, EventTime after,
                                   std::uint64_t judged_before, TimePoint now) {
  const settings::Validation& validation = settings.validation;
  if (validation.shadow <= Duration::zero()) return std::nullopt;
  const TrialWindow window = trial_window(settings, validation.shadow, axis, after, now);
  return runs::open_trial(transaction,
                          {.kind = TrialKind::shadow,
                           .model = model,
                           .run = run,
                           .version = version,
                           .against = against,
                           .metric = validation.metric,
                           .bar = validation.rule == Rule::superior ? validation.margin : -validation.margin,
                           .alpha = 1 - evaluate::spent_confidence(validation, judged_before + 1),
                           .axis = axis,
                           .after = after,
                           .until = window.until,
                           .deadline = window.deadline,
                           .every = validation.trial_every},
                          now);
}

}  // namespace retraind::pipeline
