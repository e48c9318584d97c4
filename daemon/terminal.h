#pragma once
// How a command may write: to a person's terminal, with its width and colours, or to a file or another program, where
// neither belongs. Asks the system once; what follows is a value. Thread-safe.

#include <cstddef>
#include <string_view>

namespace retraind::daemon {

enum class ColourWish { automatic, always, never };

struct Terminal {
  bool is_terminal = false;
  bool colour = false;
  std::size_t width = 0;   // columns; 0: nothing is cut
  std::size_t height = 0;  // lines; 0: unknown
};

// Of a descriptor, such as that of standard output.
Terminal terminal_of(int descriptor, ColourWish wish);

// Whether to colour: a wish decides; without one a terminal is coloured unless NO_COLOR is set and not empty
// (https://no-color.org) or TERM is "dumb" or missing. Pure.
bool wants_colour(ColourWish wish, bool is_terminal, const char* no_color, const char* term);

// Codes of ECMA-48, which every terminal of today understands.
inline constexpr std::string_view kBold = "\033[1m";
inline constexpr std::string_view kRed = "\033[31m";
inline constexpr std::string_view kGreen = "\033[32m";
inline constexpr std::string_view kYellow = "\033[33m";
inline constexpr std::string_view kPlain = "\033[0m";

}  // namespace retraind::daemon
