#pragma once
// Other limits than the database's own for the rest of one transaction: more patience for a migration, less for what
// must be given up early enough to be tried again.

#include "core/base/time.h"

namespace retraind::store {

class Transaction;

// How long one statement, and the wait for one lock, may take; the server gives up then. An answer that has not come
// two seconds after its time was over will not come any more: the connection is broken.
struct Limits {
  Duration statement{};
  Duration lock{};
};

// A round trip.
void limit(Transaction& transaction, const Limits& limits);

}  // namespace retraind::store
