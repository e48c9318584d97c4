#pragma once
// The errors of retraind, classed by what the catcher does, not by where they came from.
//
// Exceptions are for a step that cannot go on; expected outcomes (a verdict, a suppressed trigger, no row found) are
// values. They are caught in three places only: main, one pass of a daemon loop, one step of a run. A broken promise
// between our own functions is a std::logic_error and means a bug.
//
// Messages are lower case, carry the values concerned, and need no other line to be understood. The hint says what a
// person can do next; it is empty where there is nothing to say.

#include <stdexcept>
#include <string>
#include <string_view>

namespace retraind {

class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, std::string hint = {})
      : std::runtime_error(message), hint_(std::move(hint)) {}

  const std::string& hint() const noexcept { return hint_; }

  // "message" or "message (hint)", for places that print one line.
  std::string message_with_hint() const { return hint_.empty() ? what() : std::string(what()) + " (" + hint_ + ")"; }

 private:
  std::string hint_;
};

// What the user configured cannot be used. The catcher stops (exit code 3) or keeps the settings it had.
class ConfigError : public Error {
 public:
  using Error::Error;
};

// The outside world failed in a way that time may mend (a database away, a deadlock). The catcher backs off and tries
// again.
class TransientError : public Error {
 public:
  using Error::Error;
};

// The registry or a source cannot be reached at all; told apart from other transient errors because the command line
// has an exit code of its own for it (4).
class UnreachableError : public TransientError {
 public:
  using TransientError::TransientError;
};

// The COMMIT was sent and its reply was lost: the transaction may or may not have happened. Never repeat it; read back
// by id what became of it.
class InDoubtError : public TransientError {
 public:
  using TransientError::TransientError;
};

// The user's data or trainer made this run impossible; trying the same again would fail the same way. The catcher fails
// the run and tells the user.
class DataError : public Error {
 public:
  using Error::Error;
};

}  // namespace retraind
