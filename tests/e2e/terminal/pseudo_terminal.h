#pragma once
// The real binary at a terminal of some size: what it draws, what a person types. Ends with the object. One thread.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace retraind::testing {

// A variable of this process's environment, and so of what it starts, until the object goes.
class Variable {
 public:
  Variable(const char* name, const char* value);  // nullptr: not set
  ~Variable();
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  std::string name_;
  std::string before_;
  bool was_set_;
};

class PseudoTerminal {
 public:
  PseudoTerminal(const std::vector<std::string>& arguments, unsigned short columns, unsigned short lines = 40);
  ~PseudoTerminal();
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  // Reads on until the text has been drawn; false after the deadline, or when the program has ended without it.
  bool shows(const std::string& text, std::chrono::seconds deadline = std::chrono::seconds(30));
  void type(const std::string& keys);
  void resize(unsigned short columns, unsigned short lines);
  // Reads to the end; the exit code, or 128 + the signal.
  int wait();
  // Everything drawn so far, codes and all, with line ends as the program wrote them.
  const std::string& drawn() const { return drawn_; }

 private:
  bool read_some(int milliseconds);

  pid_t pid_ = -1;
  int master_ = -1;
  std::string drawn_;
};

// Without the codes for colours and the like.
std::string without_codes(const std::string& text);

}  // namespace retraind::testing
