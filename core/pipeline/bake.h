#pragma once
// The watch over a version that has just been promoted: it and the version it replaced are scored on the same new rows
// (trial.h), and significant harm puts the older one back. Works inside the transaction that moves production.

#include <string>
#include <vector>

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

// A person's approval moves production in SQL; its bake is opened by whichever daemon sees it first, unless it would be
// over by then (validation.bake after the approval).
struct OpenedBake {
  std::string model;
  RunId run{};
  int version = 0;
  int against = 0;
};
std::vector<OpenedBake> bake_approved(store::Transaction& transaction, const std::vector<std::string>& sources,
                                      TimePoint now);

}  // namespace retraind::pipeline
