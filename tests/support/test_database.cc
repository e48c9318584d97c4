#include "tests/support/test_database.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "core/store/database.h"
#include "core/store/migrator.h"
#include "tests/support/pg_sandbox.h"

// For a test binary that is run by itself; scripts/leaks.supp says why, and serves the programs that tests start.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libpqxx-6.4\n";
}
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_options() {
  return "print_suppressions=0";
}

namespace retraind::testing {
namespace {

using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr std::string_view kTemplate = "registry_template";

// The maintenance connection is made anew for each of its few statements: it must not stand in the way of a test that
// restarts servers or counts connections.
void at_cluster(const std::string& sql) {
  TestConnection(PgSandbox::shared().conninfo()).exec(sql);
}

void make_registry_template() {
  static std::once_flag made;
  std::call_once(made, [] {
    at_cluster(fmt::format("CREATE DATABASE {}", kTemplate));
    store::Database database(PgSandbox::shared().conninfo(kTemplate), "retraind-test");
    store::migrate(database);
  });
}

std::string next_name() {
  static std::atomic<int> count = 0;
  return fmt::format("test_{}", ++count);
}

std::string escape_copy(const std::string& value) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

struct TestConnection::Impl {
  std::string conninfo;
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection{nullptr, &PQfinish};

  PGconn* open() {
    if (PQstatus(connection.get()) != CONNECTION_OK) {
      connection.reset(PQconnectdb(conninfo.c_str()));
      if (PQstatus(connection.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
      PQsetNoticeProcessor(
          connection.get(), [](void*, const char*) {}, nullptr);
    }
    return connection.get();
  }

  Result run(const std::string& sql) {
    Result result(PQexec(open(), sql.c_str()), &PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN &&
        status != PGRES_EMPTY_QUERY) {
      const std::string complaint = PQerrorMessage(connection.get());
      // The server may have said goodbye without libpq having seen the end of the socket yet.
      const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
      if (state == nullptr || std::string_view(state).starts_with("57P")) connection.reset();
      throw std::runtime_error(fmt::format("{}in: {}", complaint, sql));
    }
    return result;
  }
};

TestConnection::TestConnection(std::string conninfo) : impl_(std::make_unique<Impl>()) {
  impl_->conninfo = std::move(conninfo);
}

TestConnection::~TestConnection() = default;
TestConnection::TestConnection(TestConnection&&) noexcept = default;
TestConnection& TestConnection::operator=(TestConnection&&) noexcept = default;

void TestConnection::exec(const std::string& sql) {
  impl_->run(sql);
}

std::string TestConnection::text(const std::string& sql) {
  const Result result = impl_->run(sql);
  if (PQntuples(result.get()) != 1 || PQnfields(result.get()) != 1) {
    throw std::runtime_error(fmt::format("{} rows of {} columns where one value was expected, in: {}",
                                         PQntuples(result.get()), PQnfields(result.get()), sql));
  }
  return PQgetvalue(result.get(), 0, 0);
}

std::vector<TextRow> TestConnection::rows(const std::string& sql) {
  const Result result = impl_->run(sql);
  std::vector<TextRow> out(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    for (int column = 0; column < PQnfields(result.get()); ++column) {
      auto& cell = out[static_cast<std::size_t>(row)].emplace_back();
      if (PQgetisnull(result.get(), row, column) == 0) cell = PQgetvalue(result.get(), row, column);
    }
  }
  return out;
}

void TestConnection::copy(const std::string& table, const std::vector<TextRow>& rows) {
  impl_->run(fmt::format("COPY {} FROM STDIN", table));
  PGconn* connection = impl_->connection.get();
  std::string buffer;
  const auto flush = [&] {
    if (PQputCopyData(connection, buffer.data(), static_cast<int>(buffer.size())) != 1) {
      throw std::runtime_error(PQerrorMessage(connection));
    }
    buffer.clear();
  };
  for (const TextRow& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (column > 0) buffer += '\t';
      buffer += row[column] ? escape_copy(*row[column]) : "\\N";
    }
    buffer += '\n';
    if (buffer.size() > 1 << 16) flush();
  }
  flush();
  if (PQputCopyEnd(connection, nullptr) != 1) throw std::runtime_error(PQerrorMessage(connection));
  std::string complaint;
  while (PGresult* raw = PQgetResult(connection)) {
    const Result result(raw, &PQclear);
    if (PQresultStatus(raw) != PGRES_COMMAND_OK) complaint = PQresultErrorMessage(raw);
  }
  if (!complaint.empty()) throw std::runtime_error(fmt::format("{}in: COPY {}", complaint, table));
}

int TestConnection::backend_pid() {
  return PQbackendPID(impl_->open());
}

TestDatabase::TestDatabase() : TestDatabase("template0") {}

TestDatabase::TestDatabase(std::string_view database_template)
    : name_(next_name()), connection_(PgSandbox::shared().conninfo(name_)) {
  at_cluster(fmt::format("CREATE DATABASE {} TEMPLATE {}", name_, database_template));
}

TestDatabase TestDatabase::create_registry() {
  make_registry_template();
  return TestDatabase(kTemplate);
}

TestDatabase::~TestDatabase() {
  if (name_.empty()) return;  // moved from
  try {
    at_cluster(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name_));
  } catch (const std::exception& error) {
    fmt::print(stderr, "test database {} was not dropped: {}\n", name_, error.what());
  }
}

TestDatabase::TestDatabase(TestDatabase&& other) noexcept
    : name_(std::exchange(other.name_, {})), connection_(std::move(other.connection_)) {}

std::string TestDatabase::conninfo() const {
  return PgSandbox::shared().conninfo(name_);
}

void TestDatabase::terminate_others() {
  // With a timeout, pg_terminate_backend returns when the backend has ended.
  exec(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
      " WHERE datname = current_database() AND pid <> pg_backend_pid()");
}

}  // namespace retraind::testing
