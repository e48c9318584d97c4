#include "tests/e2e/terminal/pseudo_terminal.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <regex>
#include <stdexcept>

namespace retraind::testing {

Variable::Variable(const char* name, const char* value) : name_(name), was_set_(std::getenv(name) != nullptr) {
  if (was_set_) before_ = std::getenv(name);
  if (value == nullptr) {
    ::unsetenv(name);
  } else {
    ::setenv(name, value, 1);
  }
}

Variable::~Variable() {
  if (was_set_) {
    ::setenv(name_.c_str(), before_.c_str(), 1);
  } else {
    ::unsetenv(name_.c_str());
  }
}

PseudoTerminal::PseudoTerminal(const std::vector<std::string>& arguments, unsigned short columns,
                               unsigned short lines) {
  std::vector<std::string> words{RETRAIND_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const winsize size{.ws_row = lines, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
  if (pid_ < 0) throw std::runtime_error("forkpty failed");
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

PseudoTerminal::~PseudoTerminal() {
  if (master_ >= 0) ::close(master_);
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool PseudoTerminal::read_some(int milliseconds) {
  pollfd ready{.fd = master_, .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, milliseconds) <= 0) return true;
  char block[4096];
  const ssize_t got = ::read(master_, block, sizeof block);
  if (got <= 0) return false;  // EIO: nobody holds the other end any more
  for (ssize_t i = 0; i < got; ++i) {
    if (block[i] != '\r') drawn_ += block[i];
  }
  return true;
}

bool PseudoTerminal::shows(const std::string& text, std::chrono::seconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (drawn_.find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > until || !read_some(100)) return drawn_.find(text) != std::string::npos;
  }
  return true;
}

void PseudoTerminal::type(const std::string& keys) {
  if (::write(master_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("nobody reads at the terminal");
  }
}

void PseudoTerminal::resize(unsigned short columns, unsigned short lines) {
  const winsize size{.ws_row = lines, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  if (::ioctl(master_, TIOCSWINSZ, &size) != 0) throw std::runtime_error("TIOCSWINSZ failed");
}

int PseudoTerminal::wait() {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (read_some(100)) {
    if (std::chrono::steady_clock::now() > until) ::kill(pid_, SIGKILL);
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string without_codes(const std::string& text) {
  static const std::regex kCode("\x1b\\[[0-9;?]*[A-Za-z]");
  return std::regex_replace(text, kCode, "");
}

}  // namespace retraind::testing
