#include "core/source/session.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "core/base/error.h"
#include "core/source/query_text.h"
#include "core/store/conninfo.h"
#include "core/store/error_translation.h"

namespace retraind::source {
namespace {

constexpr const char* kBegin = "/* retraind:source.begin */ BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

// The transaction's own settings: what values look like must not depend on the user's configuration.
constexpr const char* kConfigure =
    "/* retraind:source.configure */ SELECT pg_catalog.set_config('statement_timeout', $1, true),"
    " pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO', true),"
    " pg_catalog.set_config('extra_float_digits', '3', true), pg_catalog.set_config('client_encoding', 'UTF8', true),"
    " pg_catalog.set_config('standard_conforming_strings', 'on', true)";

constexpr const char* kSavepoint = "/* retraind:source.savepoint */ SAVEPOINT retraind";
// No snapshot can be exported from within a savepoint.
constexpr const char* kRelease = "/* retraind:source.release */ RELEASE SAVEPOINT retraind";
constexpr const char* kExport = "/* retraind:source.export_snapshot */ SELECT pg_catalog.pg_export_snapshot()";
constexpr const char* kUndo = "/* retraind:source.undo */ ROLLBACK TO SAVEPOINT retraind";

constexpr std::size_t kMaxName = 63;  // NAMEDATALEN - 1

std::string field_of(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? text : "";
}

struct Freed {
  void operator()(void* memory) const { PQfreemem(memory); }
};

}  // namespace

void Canceller::cancel() const {
  char complaint[256];
  if (request_) PQcancel(request_.get(), complaint, sizeof complaint);
}

Session::Session(const settings::Source& source, const std::string& application_name, const std::string& snapshot)
    : name_(fmt::format("source \"{}\" ({})", source.name, store::describe(source.conninfo))),
      timeout_key_(fmt::format("source.{}.statement_timeout", source.name)),
      timeout_(source.statement_timeout) {
  connection_.reset(PQconnectdb(store::with_defaults(source.conninfo, application_name, false).c_str()));
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    throw UnreachableError(
        fmt::format("{} cannot be reached: {}", name_, store::first_line(PQerrorMessage(connection_.get()))),
        "check that the server runs, the connection string, and pg_hba.conf");
  }
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
  run(kBegin);
  // Before any query.
  if (!snapshot.empty()) run("/* retraind:source.set_snapshot */ SET TRANSACTION SNAPSHOT " + quote_text(snapshot));
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout_).count();
  run(kConfigure, {std::to_string(milliseconds)});
  run(kSavepoint);
}

std::string Session::export_snapshot() {
  run(kRelease);
  const Result exported = run(kExport);
  run(kSavepoint);
  return PQgetvalue(exported.get(), 0, 0);
}

Result Session::run(const std::string& sql, const std::vector<std::string>& parameters) {
  require_connection();
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  Result result(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                             nullptr, nullptr, 0),
                &PQclear);
  check(result.get(), "");
  return result;
}

Result Session::describe(const std::string& query) {
  require_connection();
  const Result parsed(PQprepare(connection_.get(), "", query.c_str(), 0, nullptr), &PQclear);
  check(parsed.get(), query);
  Result described(PQdescribePrepared(connection_.get(), ""), &PQclear);
  check(described.get(), query);
  if (PQnparams(described.get()) > 0) {
    throw DataError("the query holds a parameter such as $1, which nothing would fill in");
  }
  return described;
}

void Session::copy_out(const std::string& sql, const std::function<void(std::span<const std::byte>)>& consume,
                       const std::function<std::uint64_t()>& rows) {
  require_connection();
  const auto progress = [&] {
    std::string digits = std::to_string(rows());
    for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
    return fmt::format(", after {} rows", digits);
  };
  {
    const Result started(PQexecParams(connection_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 1),
                         &PQclear);
    if (PQresultStatus(started.get()) != PGRES_COPY_OUT) fail(started.get(), "", "");
  }
  int size = 0;
  try {
    char* raw = nullptr;
    while ((size = PQgetCopyData(connection_.get(), &raw, 0)) > 0) {
      const std::unique_ptr<char, Freed> message(raw);
      consume(std::as_bytes(std::span(raw, static_cast<std::size_t>(size))));
    }
  } catch (...) {
    canceller().cancel();
    for (char* raw = nullptr; PQgetCopyData(connection_.get(), &raw, 0) > 0;) PQfreemem(raw);
    while (PGresult* rest = PQgetResult(connection_.get())) PQclear(rest);
    undo();
    throw;
  }
  Result last(nullptr, &PQclear);
  while (PGresult* next = PQgetResult(connection_.get())) {
    if (!last || PQresultStatus(last.get()) != PGRES_FATAL_ERROR)
      last.reset(next);
    else
      PQclear(next);
    if (PQstatus(connection_.get()) != CONNECTION_OK) break;
  }
  if (size == -2 || !last || PQresultStatus(last.get()) != PGRES_COMMAND_OK) fail(last.get(), "", progress());
}

std::string Session::quote_name(std::string_view name) const {
  if (name.empty()) throw DataError("a column's name is empty");
  if (name.size() > kMaxName) {
    throw DataError(
        fmt::format("name \"{}\" has {} bytes; PostgreSQL keeps {} of a name", name, name.size(), kMaxName));
  }
  const std::unique_ptr<char, Freed> quoted(PQescapeIdentifier(connection_.get(), name.data(), name.size()));
  if (!quoted || name.find('\0') != std::string_view::npos) {
    throw DataError("a column's name is not UTF-8, or holds a zero byte");
  }
  return quoted.get();
}

std::string Session::quote_text(std::string_view text) const {
  const std::unique_ptr<char, Freed> quoted(PQescapeLiteral(connection_.get(), text.data(), text.size()));
  if (!quoted) throw DataError("a text is not UTF-8");
  return quoted.get();
}

void Session::check(PGresult* result, std::string_view query) {
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(result, query, "");
}

void Session::fail(PGresult* result, std::string_view query, const std::string& progress) {
  const std::string state = field_of(result, PG_DIAG_SQLSTATE);
  std::string words = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  if (words.empty()) words = store::first_line(PQerrorMessage(connection_.get()));
  if (words.empty()) words = "the connection ended";
  std::string hint = field_of(result, PG_DIAG_MESSAGE_HINT);

  // 57P01 to 57P05 end the session; libpq may not have seen the end of the socket yet.
  if (PQstatus(connection_.get()) != CONNECTION_OK || state.empty() || state.starts_with("57P")) {
    connection_.reset();
    throw TransientError(fmt::format("{} went away{}: {}", name_, progress, words));
  }
  undo();
  if (state == "57014") {
    const bool timeout = timeout_ > Duration::zero() && words.find("timeout") != std::string::npos;
    throw TransientError(
        fmt::format("{} did not finish{}: {}", name_, progress, words),
        timeout ? fmt::format("raise {} (now {}), or make the query faster", timeout_key_, format_duration(timeout_))
                : "");
  }
  if (state == "25006") {
    throw DataError(fmt::format("the query wants to write to {}, where retraind only reads: {}", name_, words),
                    "take out what writes: FOR UPDATE, nextval(), functions that change data");
  }
  if (store::is_transient(state)) {
    throw TransientError(fmt::format("{} answered{}: {} (SQLSTATE {})", name_, progress, words, state));
  }
  std::string where;
  const std::string position = field_of(result, PG_DIAG_STATEMENT_POSITION);
  std::size_t place = 0;
  if (std::from_chars(position.data(), position.data() + position.size(), place).ec == std::errc()) {
    where = point_at(query, place);
  }
  if (state == "42501" && hint.empty()) hint = "grant SELECT on what the query reads to the user of this source";
  throw DataError(
      fmt::format("{} refused the query{}: {}{}{}", name_, progress, words, where.empty() ? "" : ", ", where), hint);
}

void Session::require_connection() {
  if (!connection_) throw TransientError(fmt::format("{} went away", name_));
}

void Session::undo() {
  const Result result(PQexec(connection_.get(), kUndo), &PQclear);
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) connection_.reset();
}

}  // namespace retraind::source
