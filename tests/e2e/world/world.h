#pragma once
// What an end-to-end test stands in: a registry, a source, a configuration, and the real binary as real processes.
// Waits are for facts, with a deadline, never for a length of time. With RETRAIND_THROUGH=pgbouncer in the environment
// the processes reach both databases through a pooler (pg_bouncer.h), and the tests themselves directly. One thread.

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/test_database.h"

namespace retraind::testing {

// A running `retraind run`. Killed when its object goes.
class DaemonProcess {
 public:
  // `environment`: "NAME=VALUE", in addition to the test's own.
  DaemonProcess(const std::filesystem::path& config, const std::filesystem::path& log,
                const std::vector<std::string>& environment);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Waits for its end (at most a minute, then kills it) and returns the exit code, or 128 + the signal.
  int wait();
  // The same without waiting: std::nullopt while it runs.
  std::optional<int> ended();
  std::string log() const;

 private:
  pid_t pid_ = -1;
  std::filesystem::path log_;
};

struct CommandResult {
  int exit_code = 0;
  std::string output;  // standard output
  std::string errors;  // standard error
};

class World {
 public:
  World();
  ~World();

  TestDatabase registry;
  TestDatabase source;

  // Writes the configuration: [daemon], [registry] and [source.data] are there already, `models` follows. Returns its
  // path.
  std::filesystem::path configure(const std::string& models, const std::string& daemon_keys = "",
                                  const std::string& name = "retraind");
  std::filesystem::path folder() const { return folder_; }
  std::filesystem::path state_dir() const { return folder_ / "state"; }
  // Instead of the folder's own: for tests that need a small disk.
  void set_state_dir(std::filesystem::path path) { state_override_ = std::move(path); }
  // Where daemons that are configured from now on listen for HTTP; nowhere by default.
  void set_http_listen(std::string address) { http_listen_ = std::move(address); }

  // Where the daemons find the registry and the source, for tests that put something in between. Empty: directly.
  void set_conninfo(std::string registry_conninfo, std::string source_conninfo) {
    registry_conninfo_ = std::move(registry_conninfo);
    source_conninfo_ = std::move(source_conninfo);
  }

  DaemonProcess& start(const std::filesystem::path& config, const std::vector<std::string>& environment = {});
  // Where the standard error of the daemon goes that is started next.
  std::filesystem::path next_log() const;
  // Kills those that run and forgets them all with their logs; references that start() returned end here.
  void forget_daemons();
  CommandResult run(const std::vector<std::string>& arguments) const;

  // Whether `SELECT` of a boolean in the registry is true now; NULL is not.
  bool holds(const std::string& sql);
  // True as soon as it is; after the deadline false, with the daemons' logs printed.
  bool comes_true(const std::string& sql, std::chrono::seconds deadline = std::chrono::seconds(60));
  bool comes_true(const std::function<bool()>& fact, const std::string& what,
                  std::chrono::seconds deadline = std::chrono::seconds(60));

  // The same of what a daemon says: a line may come a moment after the row that it speaks of.
  bool comes_to_say(const DaemonProcess& daemon, const std::string& part);

  // A table `events(ts timestamptz, x1, x2 double precision, colour text, y integer)`, a row a minute from
  // `first_minute` on. The label follows x1 > 0 (concept 0) or x1 < 0 (concept 1), with a tenth of the labels turned
  // over; deterministic.
  void make_events();
  void add_events(int first_minute, int count, int concept_number);
  // A model over it that retrains after every `rows` new rows.
  static std::string events_model(const std::string& name, const std::string& extra_training = "",
                                  const std::string& triggers = "");

 private:
  std::filesystem::path folder_;
  std::filesystem::path state_override_;
  std::string http_listen_;
  std::string registry_conninfo_;
  std::string source_conninfo_;
  int started_ = 0;
  std::vector<std::unique_ptr<DaemonProcess>> daemons_;
};

}  // namespace retraind::testing
