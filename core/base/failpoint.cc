#include "core/base/failpoint.h"

#ifdef RETRAIND_FAILPOINTS

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace retraind {
namespace {

struct Armed {
  std::string name;
  std::string of;
  bool pauses = false;
  long nth = 1;
  std::string token;
};

std::string cut(std::string& text, char at) {
  const std::size_t end = text.find(at);
  std::string out = text.substr(0, end);
  text = end == std::string::npos ? std::string() : text.substr(end + 1);
  return out;
}

Armed read_environment() {
  Armed out;
  const char* value = std::getenv("RETRAIND_FAILPOINT");
  if (value == nullptr) return out;
  std::string rest = value;
  out.of = cut(rest, '|');
  out.name = cut(out.of, '=');
  out.pauses = cut(rest, '|') == "pause";
  out.nth = std::atol(cut(rest, '|').c_str());
  out.token = rest;
  return out;
}

}  // namespace

void failpoint(std::string_view name, std::string_view of) {
  static const Armed armed = read_environment();
  if (armed.name != name || (!armed.of.empty() && armed.of != of)) return;
  static std::atomic<long> passed = 0;
  if (++passed < armed.nth) return;
  if (!armed.token.empty() && ::unlink(armed.token.c_str()) != 0) return;
  ::kill(::getpid(), armed.pauses ? SIGSTOP : SIGKILL);
}

}  // namespace retraind

#endif
