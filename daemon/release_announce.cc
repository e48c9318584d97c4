// The body of the internal command `retraind announce`: becomes the user's command. Its words come on descriptor 3,
// each with a NUL behind it; everything else (standard input, environment, session) is in place already.

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "daemon/commands.h"
#include "daemon/worker_protocol.h"

namespace retraind::daemon {
namespace {

// As shells say it.
constexpr int kCannotStart = 127;

std::vector<std::string> read_words(int fd) {
  std::vector<std::string> words;
  std::string word;
  char block[4096];
  while (true) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (ssize_t i = 0; i < got; ++i) {
      if (block[i] != '\0') {
        word += block[i];
        continue;
      }
      words.push_back(std::move(word));
      word.clear();
    }
  }
  ::close(fd);
  return words;
}

}  // namespace

int announce_command(const Options& options) {
  // The kernel kills the command when the daemon ends; the daemon may have ended before this line.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != options.parent) {
    std::fputs("the daemon is gone already\n", stderr);
    return kCannotStart;
  }
  std::vector<std::string> words = read_words(kJobDescriptor);
  if (words.empty()) {
    std::fputs("there is no command\n", stderr);
    return kCannotStart;
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  std::fprintf(stderr, "cannot start %s: %s\n", argv[0], std::strerror(errno));
  return kCannotStart;
}

}  // namespace retraind::daemon
