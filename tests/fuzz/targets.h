#pragma once
// Everything that reads bytes which somebody else wrote, as functions of those bytes. libFuzzer calls them
// (scripts/fuzz builds one program each, with clang), and so does an ordinary test with every input that is kept in
// tests/fuzz/corpus. A target returns whatever the input: what is wrong with an input is said in one of our own error
// classes, which it swallows; a crash, any other exception, or a property that does not hold ends the process.

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

namespace retraind::fuzz {

struct Target {
  const char* name;
  void (*run)(std::string_view input);
};

void settings_toml(std::string_view input);  // a configuration file
void binary_copy(std::string_view input);    // what a source sends for COPY … (FORMAT binary)
void result_file(std::string_view input);    // what a worker leaves
void look_file(std::string_view input);      // what looks and trials leave
void step_line(std::string_view input);      // what a worker says while it works
void cron(std::string_view input);           // "minute hour day month weekday|zone"
void words(std::string_view input);          // durations and instants
void http_request(std::string_view input);   // what a client sends to /metrics

inline constexpr Target kTargets[] = {{"settings_toml", settings_toml},
                                      {"binary_copy", binary_copy},
                                      {"result_file", result_file},
                                      {"look_file", look_file},
                                      {"step_line", step_line},
                                      {"cron", cron},
                                      {"words", words},
                                      {"http_request", http_request}};

// For properties of a target: an assertion that also holds where NDEBUG is defined.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "a property does not hold: %s\n", what);
  std::abort();
}

}  // namespace retraind::fuzz
