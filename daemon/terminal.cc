#include "daemon/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace retraind::daemon {

bool wants_colour(ColourWish wish, bool is_terminal, const char* no_color, const char* term) {
  if (wish != ColourWish::automatic) return wish == ColourWish::always;
  if (!is_terminal || (no_color != nullptr && *no_color != '\0')) return false;
  return term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

Terminal terminal_of(int descriptor, ColourWish wish) {
  Terminal out;
  out.is_terminal = ::isatty(descriptor) == 1;
  out.colour = wants_colour(wish, out.is_terminal, std::getenv("NO_COLOR"), std::getenv("TERM"));
  winsize size{};
  if (out.is_terminal && ::ioctl(descriptor, TIOCGWINSZ, &size) == 0) {
    out.width = size.ws_col;
    out.height = size.ws_row;
  }
  return out;
}

}  // namespace retraind::daemon
