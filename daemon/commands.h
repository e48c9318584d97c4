#pragma once
// The subcommands. Each returns the process's exit code and lets errors out; main turns those into codes:
//   0 done   1 the operation failed   2 wrong usage   3 the configuration is invalid   4 a database cannot be reached

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/settings/load.h"
#include "daemon/terminal.h"

namespace retraind::daemon {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUsage = 2;
inline constexpr int kInvalidConfiguration = 3;
inline constexpr int kUnreachable = 4;

// What the command line said, whatever the command.
struct Options {
  std::filesystem::path config;
  bool json = false;
  bool utc = false;
  ColourWish colour = ColourWish::automatic;
  bool online = false;            // check
  std::uint64_t sample = 2000;    // check --dry-run: so many rows
  std::optional<int> to_version;  // migrate, rollback
  bool dry_run = false;           // migrate: only say what would be done
  std::string model;
  std::optional<std::string> filter;  // --model of the lists
  std::string since;                  // of the lists; as parse_time_option reads it, empty: from the beginning
  std::string until;                  // likewise; empty: to the end
  std::size_t limit = 20;
  std::optional<double> watch;  // status: seconds
  std::string reason;
  std::int64_t run = 0;
  int version = 0;             // lift-quarantine, reproduce; export, predict: 0 is the one in production
  int parent = 0;              // worker, look, trial, announce
  bool root_owned = false;     // worker, look, trial, score: run only programs that nobody but root can change
  std::string trigger;         // drift
  std::optional<int> streams;  // drift
  bool quick = false;          // doctor: leave old artifacts out
  // reproduce
  bool kept = false;
  bool anyway = false;
  std::optional<int> threads;
  // export, predict
  std::filesystem::path in;   // empty: standard input
  std::filesystem::path out;  // predict: empty is standard output
  std::vector<std::string> keep_columns;
  bool with_input = false;
};

std::string version();
std::string host_name();
std::filesystem::path own_executable();

// Whether what is not quite right about a configuration is said as well: where it is looked at, not at each use.
enum class Warnings { leave_out, print };

// The settings, or std::nullopt after every complaint was printed to standard error. Where the configuration allows
// only root's programs, this process runs no others from here on. Where systemd hands over a password file, libpq is
// told of it first, so this comes before any thread. Throws ConfigError when that cannot be used.
std::optional<settings::Settings> load_or_complain(const std::filesystem::path& config,
                                                   Warnings warnings = Warnings::leave_out);

// The same without sources and models, of which nothing is read or said: for commands that only ask the registry.
std::optional<settings::Settings> load_service_or_complain(const std::filesystem::path& config);

int run_command(const Options& options);
int check_command(const Options& options);
// check --online --dry-run MODEL
int dry_run_command(const Options& options, const settings::Settings& settings);
int migrate_command(const Options& options);
int status_command(const Options& options);
int history_command(const Options& options);
int runs_command(const Options& options);
int triggers_command(const Options& options);
int trials_command(const Options& options);
int scorings_command(const Options& options);
int releases_command(const Options& options);
int trigger_command(const Options& options);
int approve_command(const Options& options);
int reject_command(const Options& options);
int cancel_command(const Options& options);
int rollback_command(const Options& options);
int lift_quarantine_command(const Options& options);
int pause_command(const Options& options);
int resume_command(const Options& options);
int drift_command(const Options& options);
int doctor_command(const Options& options);
int reproduce_command(const Options& options);
int export_command(const Options& options);
int predict_command(const Options& options);
int worker_command(const Options& options);
int look_command(const Options& options);
int trial_command(const Options& options);
int score_command(const Options& options);
int announce_command(const Options& options);

}  // namespace retraind::daemon
