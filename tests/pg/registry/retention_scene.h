#pragma once
// What the tests of retention share: history that is older than the test, made by statements that the schema allows,
// and passes as a daemon makes them.

#include "core/runs/retention.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::testing {

class RetentionTest : public RegistryTest {
 protected:
  static settings::Retention days(int count) {
    const Duration keep = hours(24 * count);
    return {.drift_checks = keep,
            .performance_checks = keep,
            .trigger_decisions = keep,
            .run_logs = keep,
            .signals = keep,
            .unused_artifacts = keep};
  }

  // A daemon of that instance, alive, with this wish.
  void wish(const runs::Executor& executor, const settings::Retention& retention) {
    transact([&](store::Transaction& t) {
      runs::register_daemon(t, executor, "0.1.0", 4711, start);
      runs::put_retention_policy(t, executor, retention, start);
    });
  }

  // A whole pass over one kind, as the daemon's group may make it; how many were removed.
  std::uint64_t pass(store::Database& registry, runs::RetentionKind kind, std::size_t limit = 2000) {
    std::uint64_t removed = 0;
    runs::RetentionMark mark;
    for (int batches = 0; batches < 1000; ++batches) {
      const runs::RemovedBatch batch = registry.transact(
          "a batch", [&](store::Transaction& t) { return runs::remove_expired(t, here, kind, mark, limit); });
      removed += batch.removed;
      mark = batch.mark;
      if (!batch.more) return removed;
    }
    ADD_FAILURE() << "the pass never ends";
    return removed;
  }

  std::string daemon_login() {
    const std::string login = "login_" + ground.name() + "_daemon";
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT retraind_daemon TO {0}", login));
    return ground.conninfo() + " user=" + login;
  }

  store::Database as_daemon{daemon_login(), "retraind-test"};
};

}  // namespace retraind::testing
