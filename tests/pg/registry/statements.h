#pragma once
// The statements of the code, as they stand in its files, so that tests look at those that are sent and not at copies.

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

namespace retraind::testing {

inline std::string read_file(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// Every constant `constexpr const char* kName = R"sql(…)sql"` or `= "…"` of the files of a folder that holds a named
// statement, by file and constant.
inline std::map<std::string, std::string> statements_in(const std::filesystem::path& folder) {
  constexpr std::string_view kBegin = "constexpr const char* k";
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".cc") continue;
    const std::string source = read_file(entry.path());
    for (std::size_t at = source.find(kBegin); at != std::string::npos; at = source.find(kBegin, at + 1)) {
      const std::size_t equals = source.find('=', at);
      const std::size_t value = source.find_first_not_of(" \n", equals + 1);
      const std::string name(source, at + kBegin.size() - 1,
                             source.find(' ', at + kBegin.size()) - at - kBegin.size() + 1);
      const bool raw = source.compare(value, 6, "R\"sql(") == 0;
      const std::size_t begin = value + (raw ? 6 : 1);
      const std::string text = source.substr(begin, source.find(raw ? ")sql\"" : "\"", begin) - begin);
      if (raw || text.find("retraind:") != std::string::npos) out[entry.path().stem().string() + "." + name] = text;
    }
  }
  return out;
}

// The same by the name that each begins with: "runs.claim_run".
inline std::map<std::string, std::string> statements_by_name() {
  constexpr std::string_view kPrefix = "/* retraind:";
  std::map<std::string, std::string> out;
  for (const char* module : {"registry", "runs"}) {
    for (const auto& [place, text] : statements_in(std::filesystem::path(RETRAIND_SOURCE_DIR) / "core" / module)) {
      if (text.compare(0, kPrefix.size(), kPrefix) != 0) continue;
      out[text.substr(kPrefix.size(), text.find(" */") - kPrefix.size())] = text;
    }
  }
  return out;
}

}  // namespace retraind::testing
