#pragma once
// One foreign program, such as a user's trainer, run so that it cannot harm whoever runs it: with an environment and
// descriptors of its own, bounded in time, memory, disk, processes and output, and ended with everything it started,
// whatever that did to get away. It is no jail: the program runs as the same user and reads what that user can read.
//
// What holds it, each where the system allows it (CageEnd says which did):
//   process group and session   always; a signal reaches whoever stayed in it
//   parent-death signal         always; the program dies with the process that runs it
//   sub-reaper                  always; orphans that left the group come to the calling process, which kills them
//   PID namespace               as root, or where user namespaces are allowed: the kernel kills all of it at once
//   cgroup v2                   where the process's own group is delegated to it: cgroup.kill, and memory.max
// Children that the calling process has when it calls are left alone; it must start no others meanwhile: as a
// sub-reaper it ends and reaps all that come. In a worker only. One thread, which must live as long as the program
// does.
//
// What it does not hold: files it removed but keeps open, memory that no process maps, what it writes outside of its
// folder, the network. The limits that are looked at rather than set (memory and disk of all of it, processes) are
// looked at five times a second, on large machines less often.
// The one module of core/ that reads a clock (stopwatch.h): it alone notices a program that hangs.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace retraind::cage {

struct CageSpec {
  std::vector<std::string> argv;                   // the first is an absolute path; no shell is involved
  std::filesystem::path folder;                    // where it runs; its files count against disk_bytes
  std::map<std::string, std::string> environment;  // all of it: there is no PATH but one named here
  Duration timeout = std::chrono::minutes(30);     // then TERM, and KILL after `grace`
  Duration grace = std::chrono::seconds(5);
  std::uint64_t memory_bytes = std::uint64_t{4} << 30;  // address space of each process, and resident size of all
  std::uint64_t disk_bytes = std::uint64_t{10} << 30;   // of one file, and of all in the folder
  std::uint64_t log_bytes = std::uint64_t{1} << 20;  // of standard output and error kept: the first half and the last
  int max_processes = 256;  // of all it started; four times as many with threads, where the kernel counts those
  bool namespaces = true;   // false: do without, where they are there too (for tests)
  bool cgroups = true;      // likewise
  std::function<void(std::string_view line)> on_line;  // each line it prints, as far as 4 KiB; may be empty
};

// Why it was ended before its time.
enum class CageStop { none, timeout, memory, disk, processes };

struct CageEnd {
  std::optional<int> code;    // its exit code
  std::optional<int> signal;  // or the signal that ended it
  CageStop stop = CageStop::none;
  bool killed = false;  // it did not heed TERM, which comes at a timeout only: other excesses are killed at once
  std::uint64_t left_behind = 0;  // processes that outlived it, and were killed; 0 where all were killed together
  std::string log;  // what it printed, cut in the middle; UTF-8 without control characters but tab and newline
  std::uint64_t log_dropped = 0;  // bytes that were cut
  Duration took = Duration::zero();
  std::uint64_t peak_memory_bytes = 0;  // of all of it together, as far as it was seen
  bool in_namespace = false;
  bool in_cgroup = false;
  std::string excess;  // with `stop`, what it did: "it ran longer than 30min"
  // "ended with exit code 3", "was stopped: it ran longer than 30min": goes on from "the command /opt/x/train.py …"
  std::string sentence() const;
};

// Runs the program to its end. When it returns or throws, nothing that it started is there any more. Throws DataError
// when it cannot be started (no such file, not executable, not root's alone where only those are run),
// std::system_error when the system refuses something else, TransientError when a process cannot be killed for ten
// seconds (as one that waits for a dead disk), and what on_line throws.
CageEnd run_caged(const CageSpec& spec);

// From here on this process runs no program that others than root could change: run_caged refuses it, whatever the
// configuration that a run carries asks for. Called once, before any program is run.
void run_root_owned_programs_only();

// Makes this process the one that orphans below it come to. Called by run_caged; a daemon calls it to catch what a
// killed worker leaves.
void become_subreaper();

// Which orphans: all, or those alone that are bounded, that is whose hard limit on address space is lower than this
// process's own. Everything that came out of a cage or a worker is, and a plain user cannot lift that; what other
// children left running on purpose is not.
enum class Strays { all, bounded };

// Kills every child of this process but those in `known`, and what they started; returns how many. Reaps them, and
// every other dead child that is not known. First all are stopped, then all are killed, so that none can start another
// meanwhile. Throws TransientError when one is still there after ten seconds.
std::uint64_t kill_strays(const std::vector<int>& known, Strays which = Strays::all);

// Makes this process's memory, environment and descriptors unreadable for others of the same user: a trainer may not
// look for a password in its parent.
void hide_from_same_user();

}  // namespace retraind::cage
