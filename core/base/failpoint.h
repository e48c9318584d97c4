#pragma once
// Named points at which a test can kill or pause the process that passes them: between a COMMIT and what follows it, or
// between a file's bytes and its name. They exist only in builds with the CMake option RETRAIND_FAILPOINTS (the default
// of Debug builds); in all others, and so in every package, failpoint() is empty and not even the names are in the
// binary. Thread-safe.
//
// Armed by the environment, which workers inherit, so that their points can be hit as well:
//
//   RETRAIND_FAILPOINT='NAME[=OF]|ACTION|NTH|TOKEN'
//
// NAME is a point below; OF narrows it to a transaction, a file or a program. ACTION is kill (SIGKILL) or pause
// (SIGSTOP). It acts at the NTH passing of a process, from 1. TOKEN is a file: who removes it acts, so that it happens
// once although every process started later inherits the same variable; empty: every process acts.
//
//   name                 of                           stands
//   before_commit        the transaction's name       before COMMIT is sent
//   after_commit         the transaction's name       after its reply came, before anything is done with it
//   before_fsync         the file's name              its bytes are written, not forced to the disk
//   before_rename        the file's name              it is whole under another name
//   after_rename         the file's name              the folder is not forced to the disk yet
//   before_spawn         the program's first argument before a child is started
//   after_spawn          likewise                     it runs, and nobody has noted that
//   before_delivery      directory, command, webhook  an announcement is claimed and not yet made
//   after_delivery       likewise                     it is made and not yet recorded
//   after_notification   the payload                  a NOTIFY was read and has rung no bell
//   between_migrations   the migration's name         in the middle of the transaction that migrates

#include <string_view>

namespace retraind {

#ifdef RETRAIND_FAILPOINTS
void failpoint(std::string_view name, std::string_view of);
#else
inline void failpoint(std::string_view, std::string_view) {}
#endif

}  // namespace retraind
