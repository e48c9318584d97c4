#pragma once
// A look at a TOML text before toml++ sees it. toml++ 3.3 is not safe on every input: it recurses once for each part of
// a dotted key and each level of nesting (a key of 60,000 parts overflows the stack), and its tables of Unicode letters
// have undefined behaviour for some characters outside strings and comments. None of that has a use in a configuration
// file (TOML 1.0 allows only ASCII there), so it is refused here. This is no second TOML parser: it knows strings and
// comments, counts, and leaves every other mistake to toml++. Thread-safe: a pure function.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace retraind::settings {

inline constexpr std::size_t kMaxLineBytes = 8 * 1024;
inline constexpr std::size_t kMaxNesting = 16;  // open brackets and braces
inline constexpr int kMaxKeyParts = 16;         // of one dotted key

struct Refusal {
  std::size_t line = 0;    // 1-based
  std::size_t column = 0;  // 1-based, in characters
  std::string message;
};

// The first reason not to hand `toml` to toml++; std::nullopt when it is safe. The size of the text is the caller's to
// check.
std::optional<Refusal> find_unsafe_toml(std::string_view toml);

}  // namespace retraind::settings
