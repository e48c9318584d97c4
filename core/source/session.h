#pragma once
// One connection to a source and the one read-only transaction on it, with libpq's errors turned into ours. A statement
// that fails leaves the transaction usable: it is undone back to a savepoint. Everything goes through the extended
// protocol, which takes one statement at a time. One thread; only a Canceller may be used from others.

#include <libpq-fe.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/settings/settings.h"

namespace retraind::source {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Stops the statement that a session is in the middle of, from whatever thread; one that comes later is not stopped. A
// request that cannot be sent is dropped: the statement then ends by itself.
class Canceller {
 public:
  explicit Canceller(PGconn* connection) : request_(PQgetCancel(connection), &PQfreeCancel) {}
  void cancel() const;

 private:
  std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> request_;
};

class Session {
 public:
  // Connects and begins; with a `snapshot` that another session has exported and still holds, the transaction sees what
  // that one sees. Throws UnreachableError or TransientError, and DataError for a snapshot that is gone.
  Session(const settings::Source& source, const std::string& application_name, const std::string& snapshot = {});

  // Has others see what this transaction sees, as long as it lasts.
  std::string export_snapshot();

  Canceller canceller() const { return Canceller(connection_.get()); }

  // Runs a statement of ours with text parameters; results come as text.
  Result run(const std::string& sql, const std::vector<std::string>& parameters = {});

  // Has the server parse `query`, the user's own text, and describe what it returns. Throws DataError with the place
  // of what it does not understand, and for a query with parameters.
  Result describe(const std::string& query);

  // Runs a COPY … TO STDOUT and hands every message to `consume`. `rows` says how far one has got, for messages. When
  // `consume` throws, the statement is cancelled and the exception goes on.
  void copy_out(const std::string& sql, const std::function<void(std::span<const std::byte>)>& consume,
                const std::function<std::uint64_t()>& rows);

  // SQL identifier in quotes. Throws DataError for an empty name, one that PostgreSQL would cut (over 63 bytes), and
  // one that is not UTF-8.
  std::string quote_name(std::string_view name) const;
  // SQL text literal in quotes.
  std::string quote_text(std::string_view text) const;

 private:
  // Throws for a result that is not one of success. `query` is the user's text when positions refer to it.
  void check(PGresult* result, std::string_view query);
  [[noreturn]] void fail(PGresult* result, std::string_view query, const std::string& progress);
  void require_connection();
  void undo();

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
  std::string name_;         // "source "market" (host=db dbname=market)"
  std::string timeout_key_;  // "source.market.statement_timeout"
  Duration timeout_;
};

}  // namespace retraind::source
