#include "tests/support/pg_bouncer.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

#include "tests/support/pg_sandbox.h"

namespace retraind::testing {
namespace {

constexpr const char* kProgram = "/usr/sbin/pgbouncer";
constexpr auto kStartsWithin = std::chrono::seconds(20);

// Few server connections for many clients, so that a session that is counted on is somebody else's the next time.
constexpr const char* kSettings = R"ini([databases]
* = host={0} port=5432 user=postgres
[pgbouncer]
listen_addr =
listen_port = 6432
unix_socket_dir = {1}
auth_type = any
pool_mode = transaction
default_pool_size = 8
max_client_conn = 400
ignore_startup_parameters = extra_float_digits,options
logfile = {1}/log
)ini";

}  // namespace

bool PgBouncer::available() {
  return std::filesystem::exists(kProgram);
}

PgBouncer& PgBouncer::shared() {
  static PgBouncer pooler;
  return pooler;
}

PgBouncer::PgBouncer() {
  char folder[] = "/tmp/retraind-pool-XXXXXX";
  if (::mkdtemp(folder) == nullptr) throw std::runtime_error("mkdtemp failed");
  folder_ = folder;
  std::filesystem::permissions(folder_, std::filesystem::perms::all);
  const std::string ini = (folder_ / "pgbouncer.ini").string();
  std::ofstream(ini) << fmt::format(fmt::runtime(kSettings), PgSandbox::shared().folder().string(), folder_.string());
  const pid_t parent = ::getpid();
  child_ = ::fork();
  if (child_ < 0) throw std::runtime_error("fork failed");
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
    // It refuses to run as root, as PostgreSQL does.
    if (::geteuid() == 0) {
      ::execl("/usr/bin/setpriv", "setpriv", "--pdeathsig", "KILL", "--reuid=postgres", "--regid=postgres",
              "--clear-groups", "--", kProgram, "-q", ini.c_str(), nullptr);
    } else {
      ::execl(kProgram, kProgram, "-q", ini.c_str(), nullptr);
    }
    ::_exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kStartsWithin;
  while (::PQping(conninfo("postgres").c_str()) != PQPING_OK) {
    if (std::chrono::steady_clock::now() > deadline || ::waitpid(child_, nullptr, WNOHANG) != 0) {
      std::ifstream log(folder_ / "log");
      throw std::runtime_error("PgBouncer does not answer:\n" + std::string(std::istreambuf_iterator<char>(log), {}));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

PgBouncer::~PgBouncer() {
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string PgBouncer::conninfo(std::string_view database) const {
  return fmt::format("host={} port=6432 user=postgres dbname={}", folder_.string(), database);
}

}  // namespace retraind::testing
