#include "core/source/write_session.h"

#include <fmt/format.h>

#include <chrono>

#include "core/base/error.h"
#include "core/store/conninfo.h"
#include "core/store/error_translation.h"

namespace retraind::source {
namespace {

constexpr const char* kBegin = "/* retraind:source.begin_writing */ BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
constexpr const char* kCommit = "/* retraind:source.commit */ COMMIT";

// What values look like must not depend on the user's configuration: they come as a reader of rows has spelled them.
constexpr const char* kConfigure =
    "/* retraind:source.configure_writing */ SELECT pg_catalog.set_config('statement_timeout', $1, true),"
    " pg_catalog.set_config('timezone', 'UTC', true), pg_catalog.set_config('datestyle', 'ISO', true),"
    " pg_catalog.set_config('intervalstyle', 'postgres', true), pg_catalog.set_config('bytea_output', 'hex', true),"
    " pg_catalog.set_config('client_encoding', 'UTF8', true),"
    " pg_catalog.set_config('standard_conforming_strings', 'on', true)";

std::string field_of(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text != nullptr ? text : "";
}

}  // namespace

WriteSession::WriteSession(const settings::Source& source, const std::string& application_name)
    : name_(fmt::format("source \"{}\" ({})", source.name, store::describe(source.conninfo))),
      timeout_key_(fmt::format("source.{}.statement_timeout", source.name)),
      timeout_(source.statement_timeout) {
  connection_.reset(PQconnectdb(store::with_defaults(source.conninfo, application_name, true).c_str()));
  if (PQstatus(connection_.get()) != CONNECTION_OK) {
    throw UnreachableError(fmt::format("{} cannot be reached for writing scores: {}", name_,
                                       store::first_line(PQerrorMessage(connection_.get()))),
                           "check that the server runs and takes writes, the connection string, and pg_hba.conf");
  }
  PQsetNoticeProcessor(
      connection_.get(), [](void*, const char*) {}, nullptr);
}

void WriteSession::transact(const std::function<void()>& body) {
  run(kBegin);
  run(kConfigure, {std::to_string(std::chrono::ceil<std::chrono::milliseconds>(timeout_).count())});
  body();
  const Result committed(PQexec(connection_.get(), kCommit), &PQclear);
  // A COMMIT of a transaction that has failed is answered by ROLLBACK, which is no error to the server.
  if (PQresultStatus(committed.get()) != PGRES_COMMAND_OK) fail(committed.get(), true);
  if (std::string_view(PQcmdStatus(committed.get())) != "COMMIT") {
    throw TransientError(fmt::format("{} rolled a transaction of scores back", name_));
  }
}

Result WriteSession::run(const std::string& sql, const std::vector<std::optional<std::string>>& parameters) {
  std::vector<const char*> values;
  for (const auto& parameter : parameters) values.push_back(parameter ? parameter->c_str() : nullptr);
  Result result(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                             nullptr, nullptr, 0),
                &PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(result.get(), false);
  return result;
}

void WriteSession::fail(const PGresult* result, bool committing) {
  const std::string state = field_of(result, PG_DIAG_SQLSTATE);
  std::string words = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  if (words.empty()) words = store::first_line(PQerrorMessage(connection_.get()));
  if (words.empty()) words = "the connection ended";
  std::string hint = field_of(result, PG_DIAG_MESSAGE_HINT);

  if (PQstatus(connection_.get()) != CONNECTION_OK || state.empty() || state.starts_with("57P")) {
    if (committing) {
      throw InDoubtError(
          fmt::format("{} went away when scores were committed, and may have kept them or not: {}", name_, words),
          "nothing to do: the next look sees which rows have scores");
    }
    throw TransientError(fmt::format("{} went away while scores were written: {}", name_, words));
  }
  if (state == "57014" && timeout_ > Duration::zero() && words.find("timeout") != std::string::npos) {
    throw TransientError(
        fmt::format("{} did not finish writing scores: {}", name_, words),
        fmt::format("raise {} (now {}), or lower scoring.batch_rows", timeout_key_, format_duration(timeout_)));
  }
  if (store::is_transient(state)) {
    throw TransientError(fmt::format("{} answered while scores were written: {} (SQLSTATE {})", name_, words, state));
  }
  if (state == "42501" && hint.empty())
    hint = "grant SELECT and INSERT on the table of scores to the user of this source";
  throw DataError(fmt::format("{} refused to take scores: {} (SQLSTATE {})", name_, words, state), hint);
}

}  // namespace retraind::source
