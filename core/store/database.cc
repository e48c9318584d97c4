#include "core/store/database.h"

#include <fmt/format.h>

#include <algorithm>
#include <pqxx/pqxx>

#include "core/base/error.h"
#include "core/base/failpoint.h"
#include "core/store/conninfo.h"
#include "core/store/error_translation.h"
#include "core/store/limits.h"
#include "core/store/silence_watch.h"

namespace retraind::store {
namespace {

constexpr std::size_t kMaxIdle = 8;
// What a server that has given a statement up needs to say so.
constexpr auto kAnswerTime = std::chrono::seconds(2);
// A connection that lay idle may have died meanwhile. What it is asked first takes a server no time.
constexpr auto kFirstAnswerTime = std::chrono::seconds(5);

// Nor is anything compiled: what takes long here looks at much, a little each time, and that is done before it is
// compiled.
std::string timeouts_of(const Limits& limits) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  return fmt::format(
      "/* retraind:store.timeouts */ SELECT set_config('statement_timeout', '{0}', true),"
      " set_config('lock_timeout', '{1}', true), set_config('idle_in_transaction_session_timeout', '{0}', true),"
      " set_config('timezone', 'UTC', true), set_config('search_path', 'pg_catalog', true),"
      " set_config('jit', 'off', true)",
      duration_cast<milliseconds>(limits.statement).count(), duration_cast<milliseconds>(limits.lock).count());
}

std::unique_ptr<pqxx::connection> connect(const std::string& conninfo, const std::string& description) {
  try {
    auto connection = std::make_unique<pqxx::connection>(conninfo);
    // Deprecated because later versions never reconnect; 6.4 does, silently, and loses the session's state by it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection->inhibit_reactivation(true);
#pragma GCC diagnostic pop
    // Notices from our own functions are for people at psql, not for the daemon's standard error.
    connection->set_verbosity(pqxx::connection_base::normal);
    return connection;
  } catch (const pqxx::broken_connection& error) {
    throw UnreachableError(fmt::format("database ({}) cannot be reached: {}", description, first_line(error.what())),
                           "check that the server runs, the connection string, and pg_hba.conf");
  }
}

}  // namespace

void limit(Transaction& transaction, const Limits& limits) {
  transaction.work().exec(timeouts_of(limits));
  SilenceWatch::of_process().allow(transaction.work().conn().sock(), limits.statement + kAnswerTime);
}

struct Database::Idle {
  std::vector<std::unique_ptr<pqxx::connection>> connections;
};

Database::Database(std::string_view conninfo, std::string_view application_name)
    : conninfo_(with_defaults(conninfo, application_name, true)),
      description_(describe(conninfo)),
      limits_{.statement = std::chrono::seconds(30), .lock = std::chrono::seconds(10)},
      idle_(std::make_unique<Idle>()) {}

Database::~Database() = default;

void Database::set_timeouts(Duration statement, Duration lock) {
  const std::lock_guard guard(mutex_);
  limits_ = {.statement = statement, .lock = lock};
}

template <class Raise>
void Database::tell(Raise raise) {
  try {
    raise();
  } catch (const std::exception& error) {
    if (observer_) observer_(error);
    throw;
  }
  throw std::logic_error("an error that was to be told was not thrown");
}

void Database::run(std::string_view name, const std::function<void(Transaction&)>& body) {
  std::unique_ptr<pqxx::connection> connection;
  Limits limits;
  {
    const std::lock_guard lock(mutex_);
    limits = limits_;
    if (!idle_->connections.empty()) {
      connection = std::move(idle_->connections.back());
      idle_->connections.pop_back();
    }
  }
  const bool pooled = connection != nullptr;
  if (!pooled) {
    try {
      connection = connect(conninfo_, description_);
    } catch (const std::exception& error) {
      if (observer_) observer_(error);
      throw;
    }
  }

  const auto forget_idle = [this] {
    const std::lock_guard lock(mutex_);
    idle_->connections.clear();
  };
  bool usable = false;
  bool body_started = false;
  try {
    const Duration patience = limits.statement + kAnswerTime;
    const SilenceWatch::Guard guard(connection->sock(),
                                    pooled ? std::min<Duration>(kFirstAnswerTime, patience) : patience);
    pqxx::work work(*connection);
    work.exec(timeouts_of(limits));
    if (pooled) SilenceWatch::of_process().allow(connection->sock(), patience);
    Transaction transaction(work);
    body_started = true;
    body(transaction);
    failpoint("before_commit", name);
    work.commit();
    failpoint("after_commit", name);
    usable = true;
  } catch (const pqxx::sql_error& error) {
    const std::string_view state = error.sqlstate();
    std::unique_lock lock(mutex_);
    // A connection to a server that went read-only under us (a demoted primary) or is shutting down is of no more use.
    if (connection->is_open() && state != "25006" && state.substr(0, 2) != "57") {
      if (idle_->connections.size() < kMaxIdle) idle_->connections.push_back(std::move(connection));
    }
    lock.unlock();
    tell([&] { throw_translated(error, name, description_); });
  } catch (const pqxx::transaction_rollback& error) {
    // A deadlock or a serialization failure, which are no sql_error to libpqxx; the connection is as good as before.
    {
      const std::lock_guard lock(mutex_);
      if (connection->is_open() && idle_->connections.size() < kMaxIdle) {
        idle_->connections.push_back(std::move(connection));
      }
    }
    tell([&] {
      throw TransientError(
          fmt::format("{}: the database ({}) rolled back: {}", name, description_, first_line(error.what())));
    });
  } catch (const pqxx::in_doubt_error& error) {
    forget_idle();
    tell([&] {
      throw InDoubtError(fmt::format("{}: the reply to COMMIT was lost by the database ({}): {}", name, description_,
                                     first_line(error.what())));
    });
  } catch (const pqxx::broken_connection& error) {
    // An idle connection may have died long ago; nothing has been asked of it yet, so a fresh one is simply tried.
    // What has broken one is likely to have broken the others: each would have to be waited for in its turn.
    forget_idle();
    if (pooled && !body_started) {
      connection.reset();
    } else {
      tell([&] {
        throw TransientError(
            fmt::format("{}: lost the database ({}): {}", name, description_, first_line(error.what())));
      });
    }
  }
  if (!usable) {
    run(name, body);
    return;
  }
  const std::lock_guard lock(mutex_);
  if (idle_->connections.size() < kMaxIdle) idle_->connections.push_back(std::move(connection));
}

}  // namespace retraind::store
