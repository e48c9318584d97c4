#pragma once
// The watch over a version that has just been promoted: it and the version it replaced are scored on the same new rows
// (trial.h), and significant harm puts the older one back. Works inside the transaction that moves production.

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/settings/settings.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::pipeline {

// Opens the bake of `version` against the version it replaced; `after` is the newest event time that the run which
// promoted it has read, or that its promotion was decided by. Does nothing where validation.bake is zero, or while
// another bake of the model is open (move_production ends those of other versions).
void open_bake(store::Transaction& transaction, ModelId model, const settings::Model& settings, RunId run, int version,
               int against, TimeAxis axis, EventTime after, TimePoint now);

}  // namespace retraind::pipeline
