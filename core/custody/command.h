#pragma once
// Who could change what a command runs. A daemon that runs programs as a service trusts them as it trusts itself, so
// they should be in root's hands alone: the program, the script it is told to run, the interpreter that a script names,
// and every folder on the way there. What the program loads by itself afterwards (libraries, modules of Python) is not
// looked at. Asked again right before a command is started: as long as the answer is "nobody but root", nobody but root
// can change it in between. Thread-safe.

#include <optional>
#include <span>
#include <string>

namespace retraind::custody {

// Why others than root could change what `argv` runs, in words; std::nullopt when they could not. Looks at the first
// word, and at every other one that is the absolute path of a file or folder, or ends in "=" and one; of files that
// begin with "#!" also at their interpreter. What is not there is judged by the folders it would stand in: whoever may
// make it could do so between this look and the start.
std::optional<std::string> find_command_fault(std::span<const std::string> argv);

// What to do about it; the same for all.
inline constexpr const char* kCommandAdvice =
    "let root own it and every folder above, and take the right to write from all others (chown root, chmod go-w); or "
    "set security.root_owned_commands = \"never\"";

}  // namespace retraind::custody
