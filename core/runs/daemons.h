#pragma once
// Which daemons share a registry: one row for each start, renewed while it is alive. For people and for `status`;
// leases, not these rows, decide who may write. Works inside the caller's transaction.

#include <string>

#include "core/base/time.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// Who executes: signs every write.
struct Executor {
  std::string daemon_id;  // random uuid of this start
  std::string instance;
};

void register_daemon(store::Transaction& transaction, const Executor& executor, const std::string& version, int pid,
                     TimePoint now);
// What its files say, for whoever compares daemons: the SHA-256 of its models and their settings.
void note_configuration(store::Transaction& transaction, const Executor& executor, const std::string& sha256);
void renew_daemon(store::Transaction& transaction, const Executor& executor, TimePoint now);
void sign_off_daemon(store::Transaction& transaction, const Executor& executor, TimePoint now);

// The registry's clock. Daemons take `now` from here, not from their own hosts, so that hosts whose clocks differ agree
// on what is due and whose lease has expired.
TimePoint registry_now(store::Transaction& transaction);

// A random version 4 uuid, from the operating system.
std::string new_daemon_id();

// Tells the triggers of the schema who acts and, under test, what time it is, for the rest of this transaction.
void act_as(store::Transaction& transaction, const Executor& executor, TimePoint now);

}  // namespace retraind::runs
