#pragma once
// The registry's database: a small pool of libpqxx connections and one way to use them, a transaction with a deadline
// and translated errors. Deliberately offers no function that runs a query: statements live as named constants in the
// modules that own them (core/registry, core/runs), each behind one typed function that takes a Transaction.
//
// A pooled connection keeps no session state between transactions (settings are SET LOCAL, nothing is prepared, no
// session lock is taken), so a pooler in transaction mode may stand in between. Database is thread-safe; a Transaction
// belongs to the thread that runs its body. libpqxx's silent reconnection is switched off: a connection that broke is
// thrown away.

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/time.h"
#include "core/store/limits.h"

namespace pqxx {
class transaction_base;
}

namespace retraind::store {

class Transaction {
 public:
  explicit Transaction(pqxx::transaction_base& work) : work_(&work) {}
  pqxx::transaction_base& work() { return *work_; }

 private:
  pqxx::transaction_base* work_;
};

class Database {
 public:
  // Does not connect yet. Throws ConfigError for a connection string that cannot be read.
  Database(std::string_view conninfo, std::string_view application_name);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `body` in a READ COMMITTED transaction and commits; rolls back when it throws. `name` appears in messages.
  // Throws UnreachableError (no connection), InDoubtError (the COMMIT's reply was lost), TransientError (deadlock,
  // timeout, shutdown, read-only server, out of resources, lost connection), DataError (a RAISE of our own SQL
  // functions, or a constraint that refused), ConfigError (the schema is not there), std::logic_error (SQL that cannot
  // be right).
  template <class Body>
  std::invoke_result_t<Body&, Transaction&> transact(std::string_view name, Body body) {
    using Result = std::invoke_result_t<Body&, Transaction&>;
    if constexpr (std::is_void_v<Result>) {
      run(name, [&](Transaction& transaction) { body(transaction); });
    } else {
      std::optional<Result> result;
      run(name, [&](Transaction& transaction) { result.emplace(body(transaction)); });
      return std::move(*result);
    }
  }

  const std::string& description() const { return description_; }  // where it is, for messages
  const std::string& conninfo() const { return conninfo_; }        // with defaults; may hold a secret: never print it

  // Told of each error of the database's own that leaves transact(), on the thread that called it; what a body threw
  // for reasons of its own is none. To be set before the first transaction.
  void on_error(std::function<void(const std::exception&)> observer) { observer_ = std::move(observer); }

  // How long one statement and the whole transaction's idle time may take; set locally in every transaction.
  void set_timeouts(Duration statement, Duration lock);

 private:
  struct Idle;
  void run(std::string_view name, const std::function<void(Transaction&)>& body);
  template <class Raise>
  [[noreturn]] void tell(Raise raise);  // raise throws; the observer sees what

  std::string conninfo_;
  std::string description_;
  std::function<void(const std::exception&)> observer_;
  std::mutex mutex_;
  Limits limits_;               // guarded by mutex_
  std::unique_ptr<Idle> idle_;  // guarded by mutex_
};

}  // namespace retraind::store
