#include "tests/e2e/world/world.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "core/base/random.h"
#include "core/base/time.h"
#include "tests/support/pg_bouncer.h"

namespace retraind::testing {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(20);

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// The one that was built with the tests, or another (an installed one): RETRAIND_BINARY.
std::string retraind_binary() {
  const char* other = std::getenv("RETRAIND_BINARY");
  return other != nullptr ? other : RETRAIND_BINARY;
}

pid_t spawn(const std::vector<std::string>& arguments, const std::filesystem::path& out,
            const std::filesystem::path& err, std::vector<std::string> more_environment = {}) {
  std::vector<std::string> words{retraind_binary()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (std::string& variable : more_environment) environment.push_back(variable.data());
  for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
  environment.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
  ::dup2(::open("/dev/null", O_RDONLY), 0);
  ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), 1);
  ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
  ::execve(argv[0], argv.data(), environment.data());
  ::_exit(127);
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

DaemonProcess::DaemonProcess(const std::filesystem::path& config, const std::filesystem::path& log,
                             const std::vector<std::string>& environment)
    : pid_(spawn({"run", "--config", config.string()}, log, log, environment)), log_(log) {}

DaemonProcess::~DaemonProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void DaemonProcess::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

int DaemonProcess::wait() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(kLookAgain);
  }
  pid_ = -1;
  return exit_code_of(status);
}

std::optional<int> DaemonProcess::ended() {
  int status = 0;
  if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) == 0) return std::nullopt;
  pid_ = -1;
  return exit_code_of(status);
}

std::string DaemonProcess::log() const {
  return read_file(log_);
}

World::World() : registry(TestDatabase::create_registry()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "retraind-e2e-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  folder_ = pattern;
  const char* between = std::getenv("RETRAIND_THROUGH");
  if (between == nullptr) return;
  if (std::string(between) != "pgbouncer") throw std::runtime_error("RETRAIND_THROUGH: only pgbouncer is known");
  set_conninfo(PgBouncer::shared().conninfo(registry.name()), PgBouncer::shared().conninfo(source.name()));
}

World::~World() {
  daemons_.clear();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::filesystem::path World::configure(const std::string& models, const std::string& daemon_keys,
                                       const std::string& name) {
  const std::filesystem::path path = folder_ / (name + ".toml");
  std::ofstream out(path);
  out << "[daemon]\ninstance = \"" << name << "\"\n"
      << "state_dir = \"" << (state_override_.empty() ? state_dir() : state_override_).string() << "\"\n"
      << (daemon_keys.find("poll_interval") == std::string::npos ? "poll_interval = \"200ms\"\n" : "") << daemon_keys
      << "\n[http]\nlisten = \"" << http_listen_ << "\"\n[registry]\nconninfo = \""
      << (registry_conninfo_.empty() ? registry.conninfo() : registry_conninfo_) << "\"\n[source.data]\nconninfo = \""
      << (source_conninfo_.empty() ? source.conninfo() : source_conninfo_) << "\"\n"
      << models;
  return path;
}

std::filesystem::path World::next_log() const {
  return folder_ / fmt::format("daemon-{}.log", started_);
}

DaemonProcess& World::start(const std::filesystem::path& config, const std::vector<std::string>& environment) {
  daemons_.push_back(std::make_unique<DaemonProcess>(config, next_log(), environment));
  ++started_;
  return *daemons_.back();
}

void World::forget_daemons() {
  daemons_.clear();
  for (int i = 0; i < started_; ++i) std::filesystem::remove(folder_ / fmt::format("daemon-{}.log", i));
}

CommandResult World::run(const std::vector<std::string>& arguments) const {
  const std::filesystem::path out = folder_ / "command.out";
  const std::filesystem::path err = folder_ / "command.err";
  std::filesystem::remove(out);
  std::filesystem::remove(err);
  int status = 0;
  ::waitpid(spawn(arguments, out, err), &status, 0);
  return {exit_code_of(status), read_file(out), read_file(err)};
}

bool World::holds(const std::string& sql) {
  return registry.text("SELECT coalesce((" + sql + ")::boolean, false)") == "t";
}

bool World::comes_true(const std::string& sql, std::chrono::seconds deadline) {
  return comes_true([&] { return holds(sql); }, sql, deadline);
}

bool World::comes_true(const std::function<bool()>& fact, const std::string& what, std::chrono::seconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!fact()) {
    if (std::chrono::steady_clock::now() > until) {
      std::cerr << "did not come true: " << what << "\n";
      for (const auto& daemon : daemons_) std::cerr << "--- log\n" << daemon->log();
      return false;
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return true;
}

bool World::comes_to_say(const DaemonProcess& daemon, const std::string& part) {
  return comes_true([&] { return daemon.log().find(part) != std::string::npos; }, "in the log: " + part);
}

void World::make_events() {
  source.exec("CREATE TABLE events (ts timestamptz, x1 double precision, x2 double precision, colour text, y integer)");
}

void World::add_events(int first_minute, int count, int concept_number) {
  std::vector<TextRow> rows;
  static constexpr const char* kColours[] = {"red", "green", "blue"};
  for (int i = first_minute; i < first_minute + count; ++i) {
    Random random(mix_seed(42, static_cast<std::uint64_t>(i)));
    const double x1 = random.normal();
    const double x2 = random.normal();
    const bool follows = concept_number == 0 ? x1 > 0 : x1 < 0;
    const bool turned = random.uniform() < 0.1;
    const TimePoint at{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} + std::chrono::minutes(i)};
    rows.push_back({format_instant(at), std::to_string(x1), std::to_string(x2), kColours[random.below(3)],
                    follows != turned ? "1" : "0"});
  }
  source.copy("events", rows);
}

std::string World::events_model(const std::string& name, const std::string& extra_training,
                                const std::string& triggers) {
  return fmt::format(R"toml(
[model.{0}]
source = "data"
query = "SELECT ts, x1, x2, colour, y FROM events"
time_column = "ts"
label = "y"
task = "binary"
[model.{0}.training]
window = "2000 rows"
min_rows = 200
rounds = 20
{1}
[model.{0}.validation]
metric = "accuracy"
cluster = "1h"
{2}
)toml",
                     name, extra_training, triggers);
}

}  // namespace retraind::testing
