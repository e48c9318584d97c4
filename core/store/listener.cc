#include "core/store/listener.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <cerrno>

#include "core/base/error.h"
#include "core/base/time.h"
#include "core/store/error_translation.h"

namespace retraind::store {

namespace {

constexpr std::chrono::milliseconds kAnswerTime{5000};

}  // namespace

struct Listener::Impl {
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection{nullptr, &PQfinish};

  // Not PQexec, which would wait for ever where somebody in between keeps the connection and never answers.
  void command(const std::string& sql) {
    if (PQsendQuery(connection.get(), sql.c_str()) != 1) fail();
    while (PQisBusy(connection.get()) != 0) {
      pollfd socket{.fd = PQsocket(connection.get()), .events = POLLIN, .revents = 0};
      const int ready = ::poll(&socket, 1, static_cast<int>(kAnswerTime.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        throw TransientError(
            fmt::format("the listening connection was asked whether it is there, and did not answer within {}",
                        format_duration(kAnswerTime)));
      }
      if (PQconsumeInput(connection.get()) != 1) fail();
    }
    bool done = false;
    while (PGresult* raw = PQgetResult(connection.get())) {
      const std::unique_ptr<PGresult, decltype(&PQclear)> result(raw, &PQclear);
      const ExecStatusType status = PQresultStatus(raw);
      if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail();
      done = true;
    }
    if (!done) fail();
  }

  [[noreturn]] void fail() {
    throw TransientError(
        fmt::format("listening for notifications failed: {}", first_line(PQerrorMessage(connection.get()))));
  }
};

Listener::Listener(const std::string& conninfo, const std::vector<std::string>& channels)
    : impl_(std::make_unique<Impl>()) {
  impl_->connection.reset(PQconnectdb(conninfo.c_str()));
  if (PQstatus(impl_->connection.get()) != CONNECTION_OK) {
    throw UnreachableError(
        fmt::format("listening connection cannot be made: {}", first_line(PQerrorMessage(impl_->connection.get()))));
  }
  for (const std::string& channel : channels) {
    const std::unique_ptr<char, decltype(&PQfreemem)> quoted(
        PQescapeIdentifier(impl_->connection.get(), channel.c_str(), channel.size()), &PQfreemem);
    impl_->command(fmt::format("/* retraind:store.listen */ LISTEN {}", quoted.get()));
  }
}

Listener::~Listener() = default;
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;

int Listener::socket() const {
  return PQsocket(impl_->connection.get());
}

std::vector<Notification> Listener::drain() {
  if (PQconsumeInput(impl_->connection.get()) != 1) {
    throw TransientError(
        fmt::format("listening connection was lost: {}", first_line(PQerrorMessage(impl_->connection.get()))));
  }
  std::vector<Notification> out;
  while (PGnotify* raw = PQnotifies(impl_->connection.get())) {
    out.push_back({raw->relname, raw->extra});
    PQfreemem(raw);
  }
  return out;
}

void Listener::probe() {
  impl_->command("/* retraind:store.probe */ SELECT 1");
}

}  // namespace retraind::store
