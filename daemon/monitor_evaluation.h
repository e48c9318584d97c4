#pragma once
// One evaluation of one claimed trigger, from what it observes at the source to the recorded outcome. Blocking; runs on
// a thread of the pool; holds no registry transaction while it reads the source.

#include "core/runs/monitors.h"
#include "core/settings/settings.h"
#include "core/store/database.h"

namespace retraind::daemon {

// `source` is null when this daemon's configuration has no source of that name any more.
runs::MonitorRecord evaluate_monitor(store::Database& registry, const runs::Executor& executor,
                                     const runs::ClaimedMonitor& monitor, const settings::Source* source);

}  // namespace retraind::daemon
