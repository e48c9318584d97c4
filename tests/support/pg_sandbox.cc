#include "tests/support/pg_sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace retraind::testing {
namespace {

// $1 folder, $2 programs, the rest: how to become a user PostgreSQL accepts. Reads commands until its input ends.
constexpr const char* kKeeper = R"sh(
folder=$1; programs=$2; shift 2
cd "$folder" || exit 1
server=
halt() {
  [ -n "$server" ] || return 0
  kill -"$1" "$server" 2>/dev/null
  wait "$server"
  server=
}
while read -r command; do
  case $command in
    init) "$@" "$programs/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C --no-sync >"$folder/log" 2>&1 &&
          "$@" tee -a "$folder/data/postgresql.conf" <"$folder/settings" >/dev/null ;;
    clone\ *) "$@" "$programs/pg_basebackup" -D "$folder/data" -h "${command#clone }" -U postgres -R -X stream -c fast --no-sync >"$folder/log" 2>&1 &&
          "$@" tee -a "$folder/data/postgresql.conf" <"$folder/settings" >/dev/null ;;
    start) "$@" "$programs/postgres" -D "$folder/data" </dev/null >>"$folder/log" 2>&1 & server=$! ;;
    stop) halt INT ;;
    crash) halt QUIT ;;
    alive) kill -0 "$server" 2>/dev/null ;;
  esac
  echo "$?"
done
halt QUIT
cd /
rm -rf "$folder"
)sh";

constexpr const char* kSettings = R"conf(
listen_addresses = ''
max_connections = 200
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = '64MB'
)conf";

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::vector<std::string>& shared_environment() {
  static std::vector<std::string> environment;
  return environment;
}

}  // namespace

std::filesystem::path postgres_programs() {
  for (int version = 19; version >= 15; --version) {
    const std::filesystem::path folder = fmt::format("/usr/lib/postgresql/{}/bin", version);
    if (std::filesystem::exists(folder / "postgres")) return folder;
  }
  throw std::runtime_error(
      "no PostgreSQL server from version 15 on in /usr/lib/postgresql; run scripts/install_packages");
}

PgSandbox::PgSandbox(const std::vector<std::string>& settings, const PgSandbox* primary,
                     const std::vector<std::string>& environment)
    : owner_(getpid()) {
  const std::string programs = postgres_programs();
  char folder[] = "/tmp/retraind-pg-XXXXXX";  // short: a Unix socket's path has at most 107 bytes
  if (mkdtemp(folder) == nullptr) throw_errno("mkdtemp");
  folder_ = folder;
  {
    std::ofstream file(folder_ / "settings");
    file << kSettings << "unix_socket_directories = '" << folder << "'\n";
    for (const std::string& line : settings) file << line << '\n';
  }

  std::vector<std::string> words = {"sh",     "-c",      kKeeper,       "pg_sandbox", folder,
                                    programs, "setpriv", "--pdeathsig", "QUIT"};
  if (geteuid() == 0) {
    for (const char* word : {"--reuid=postgres", "--regid=postgres", "--clear-groups"}) words.emplace_back(word);
    words.emplace_back("--");
    if (std::system(fmt::format("chown postgres:postgres {0} {0}/settings", folder).c_str()) != 0) {
      throw std::runtime_error("there is no user postgres to run the server as; run scripts/install_packages");
    }
  } else {
    words.emplace_back("--");
  }
  words.emplace_back("env");
  words.insert(words.end(), environment.begin(), environment.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  int down[2];
  int up[2];
  if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) throw_errno("pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, down[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, up[1], STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A session of its own, so that Ctrl-C at the tests does not reach the shell before it has cleaned up.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const int failed = posix_spawn(&keeper_, "/bin/sh", &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(down[0]);
  close(up[1]);
  commands_ = down[1];
  replies_ = up[0];
  if (failed != 0) throw std::system_error(failed, std::generic_category(), "posix_spawn /bin/sh");

  try {
    if (!tell(primary == nullptr ? std::string("init") : "clone " + primary->folder_.string())) {
      throw std::runtime_error("the cluster could not be made:\n" + log());
    }
    start();
  } catch (...) {
    end();
    throw;
  }
}

PgSandbox::~PgSandbox() {
  end();
}

void PgSandbox::end() {
  if (commands_ >= 0) close(commands_);
  if (replies_ >= 0) close(replies_);
  commands_ = replies_ = -1;
  if (getpid() == owner_ && keeper_ > 0) waitpid(keeper_, nullptr, 0);
  keeper_ = -1;
}

PgSandbox& PgSandbox::shared() {
  static PgSandbox sandbox({}, nullptr, shared_environment());
  return sandbox;
}

void PgSandbox::set_shared_environment(std::vector<std::string> environment) {
  shared_environment() = std::move(environment);
}

std::string PgSandbox::conninfo(std::string_view database) const {
  return fmt::format("host={} port=5432 user=postgres dbname={}", folder_.string(), database);
}

std::string PgSandbox::log() const {
  std::ifstream file(folder_ / "log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool PgSandbox::tell(std::string_view command) {
  const std::string line = std::string(command) + "\n";
  if (write(commands_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw_errno("write to pg_sandbox");
  }
  std::string reply;
  char c = 0;
  while (reply.empty() || reply.back() != '\n') {
    if (read(replies_, &c, 1) != 1) throw std::runtime_error("the keeper of the PostgreSQL sandbox is gone:\n" + log());
    reply += c;
  }
  return reply == "0\n";
}

void PgSandbox::stop() {
  tell("stop");
}

void PgSandbox::crash() {
  tell("crash");
}

void PgSandbox::start() {
  tell("start");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (PQping(conninfo().c_str()) != PQPING_OK) {
    if (!tell("alive") || std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("PostgreSQL did not start:\n" + log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace retraind::testing
