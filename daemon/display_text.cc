#include "daemon/display_text.h"

#include <locale.h>
#include <wchar.h>

#include <cstring>

namespace retraind::daemon {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::string_view kEllipsis = "…";

// The C library's own table of widths, whatever locale the process was started in.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(the_one())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  // Made once, and never freed: other threads may be using it.
  static locale_t the_one() {
    static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return locale;
  }
  locale_t before_;  // of this thread
};

struct Character {
  std::string_view bytes;
  wchar_t code = 0;
  bool is_valid = false;
};

// The first character of a text that is not empty.
Character next(std::string_view text) {
  mbstate_t state{};
  wchar_t code = 0;
  const std::size_t length = ::mbrtowc(&code, text.data(), text.size(), &state);
  if (length == 0) return {text.substr(0, 1), 0, true};  // the zero character
  if (length == static_cast<std::size_t>(-1) || length == static_cast<std::size_t>(-2)) return {text.substr(0, 1)};
  return {text.substr(0, length), code, true};
}

// Signs that reorder what stands around them, by which one name can be made to look like another.
bool turns_direction(wchar_t code) {
  return code == 0x200E || code == 0x200F || code == 0x061C || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

std::size_t width_of(wchar_t code) {
  const int width = ::wcwidth(code);
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  const Utf8Locale locale;
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = next(text);
    width += character.is_valid ? width_of(character.code) : 1;
    text.remove_prefix(character.bytes.size());
  }
  return width;
}

std::string printable_text(std::string_view text) {
  const Utf8Locale locale;
  std::string out;
  while (!text.empty()) {
    const Character character = next(text);
    const wchar_t code = character.code;
    if (character.is_valid && (code == '\n' || code == '\r' || code == '\t' || code == 0x2028 || code == 0x2029)) {
      out += ' ';
    } else if (!character.is_valid || code < 0x20 || (code >= 0x7F && code < 0xA0) || turns_direction(code)) {
      out += kReplacement;
    } else {
      out += character.bytes;
    }
    text.remove_prefix(character.bytes.size());
  }
  return out;
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  const Utf8Locale locale;
  std::string out;
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = next(text);
    const std::size_t more = character.is_valid ? width_of(character.code) : 1;
    if (width + more > columns - 1) break;
    width += more;
    out += character.bytes;
    text.remove_prefix(character.bytes.size());
  }
  return out + std::string(kEllipsis);
}

}  // namespace retraind::daemon
