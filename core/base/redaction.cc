#include "core/base/redaction.h"

#include <algorithm>
#include <array>
#include <optional>

namespace retraind {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::string_view kBlanks = " \t\n\r";
constexpr std::array<std::string_view, 7> kSecrets = {"password", "passwd",  "passphrase", "secret",
                                                      "token",    "api_key", "apikey"};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_secret(std::string_view name) {
  std::string spelled = lower(name);
  std::replace(spelled.begin(), spelled.end(), '-', '_');
  return std::any_of(kSecrets.begin(), kSecrets.end(), [&](std::string_view word) { return spelled.ends_with(word); });
}

std::size_t after_blanks(std::string_view text, std::size_t at) {
  return std::min(text.find_first_not_of(kBlanks, at), text.size());
}

// Where a value that begins at `at` ends; in quotes, the quotes belong to it.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  if (at < text.size() && (text[at] == '\'' || text[at] == '"')) {
    std::size_t i = at + 1;
    while (i < text.size() && text[i] != text[at]) i += text[i] == '\\' ? 2 : 1;
    return std::min(i + 1, text.size());
  }
  return std::min(text.find_first_of(" \t\n\r&,;)\"'", at), text.size());
}

struct Range {
  std::size_t begin;
  std::size_t end;
};

// The value of a secret parameter whose name begins at `at`.
std::optional<Range> find_parameter(std::string_view text, std::size_t at) {
  std::size_t i = at;
  while (i < text.size() && is_name_character(text[i])) ++i;
  if (i == at || !is_secret(text.substr(at, i - at))) return std::nullopt;
  const bool quoted = i < text.size() && (text[i] == '"' || text[i] == '\'');
  i = after_blanks(text, quoted ? i + 1 : i);
  // A colon alone is what sentences have too ("no password: …").
  if (i >= text.size() || (text[i] != '=' && !(text[i] == ':' && quoted))) return std::nullopt;
  i = after_blanks(text, i + 1);
  const std::size_t end = end_of_value(text, i);
  if (end <= i) return std::nullopt;
  return Range{i, end};
}

// What is secret in the URL whose "://" is at `at`.
std::optional<Range> find_user(std::string_view text, std::size_t at) {
  std::size_t scheme = at;
  while (scheme > 0 && is_name_character(text[scheme - 1])) --scheme;
  const std::string name = lower(text.substr(scheme, at - scheme));
  const std::size_t begin = at + 3;
  const std::size_t end = std::min(text.find_first_of(" \t\n\r\"'<>", begin), text.size());
  const std::string_view rest = text.substr(begin, end - begin);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  std::size_t sign = authority.rfind('@');
  const std::size_t colon = rest.find(':');
  if (sign == std::string_view::npos) {
    // A password may hold a '/' that was not encoded: then what follows the colon is no port.
    sign = rest.find('@');
    if (sign == std::string_view::npos || colon == std::string_view::npos || colon > sign) return std::nullopt;
    const std::string_view port = rest.substr(colon + 1, rest.find_first_of("/?#", colon) - colon - 1);
    if (std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  }
  if (colon != std::string_view::npos && colon < sign) return Range{begin + colon + 1, begin + sign};
  if (name == "http" || name == "https") return Range{begin, begin + sign};
  return std::nullopt;
}

// What follows the name of a scheme of HTTP's Authorization that begins at `at`.
std::optional<Range> find_credentials(std::string_view text, std::size_t at) {
  for (const std::string_view scheme : {"bearer ", "basic "}) {
    if (lower(text.substr(at, scheme.size())) != scheme) continue;
    const std::size_t begin = at + scheme.size();
    const std::size_t end = std::min(text.find_first_of(" \t\n\r,;\"'", begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    // "a basic rule" is none: such words have neither digits nor capitals within.
    const auto is_odd = [](char c) { return !(c >= 'a' && c <= 'z'); };
    const bool looks_like_one = word.size() > 1 && std::any_of(word.begin() + 1, word.end(), is_odd);
    if (looks_like_one) return Range{begin, end};
  }
  return std::nullopt;
}

}  // namespace

std::string redacted(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool begins_word = is_name_character(text[i]) && (i == 0 || !is_name_character(text[i - 1]));
    std::optional<Range> secret;
    if (begins_word) {
      secret = find_parameter(text, i);
      if (!secret) secret = find_credentials(text, i);
    } else if (text.substr(i, 3) == "://") {
      secret = find_user(text, i);
    }
    if (!secret) {
      out += text[i++];
      continue;
    }
    out += text.substr(i, secret->begin - i);
    out += kHidden;
    i = secret->end;
  }
  return out;
}

}  // namespace retraind
