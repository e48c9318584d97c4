#pragma once
// From TOML files to validated settings, or to the complete list of what is wrong with them. Reads files and nothing
// else: no database, no environment, no clock. Thread-safe: pure functions of the file system.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/settings/settings.h"

namespace retraind::settings {

struct Complaint {
  std::filesystem::path file;
  std::size_t line = 0;  // 1-based; 0 when the complaint is about the file as a whole
  std::size_t column = 0;
  std::string message;  // what was expected and what was found, with the nearest known key where there is one

  // "FILE:LINE:COLUMN: MESSAGE", as compilers write it.
  std::string text() const;
};

// A value that is judged by more than its spelling, by the machine it stands on: see security.h.
struct Mention {
  enum class What { conninfo, command, url, webhook_secret, variable, include };
  What what;
  std::string path;  // of the key: "model.power.training.train"
  std::filesystem::path file;
  std::size_t line = 0;
  std::size_t column = 0;
  std::vector<std::string> words;  // a command's; else one: the string, the address, the file, the name, the folder
};

struct Loaded {
  Settings settings;                  // only to be used when there are no complaints
  std::vector<Complaint> complaints;  // in the order of the files
  std::vector<Complaint> warnings;    // of judge_security
  std::vector<Mention> mentions;
};

// Files larger than this, and nesting or keys that toml++ 3.3 cannot take safely, are refused before parsing.
inline constexpr std::size_t kMaxFileBytes = 64 * 1024;

// Reads `main` and the files it includes (globs relative to it, in name order, each once; an include in an included
// file is an error). Never throws for what stands in a file; a missing or unreadable file is a complaint as well.
// `instance` is the default of daemon.instance.
Loaded load(const std::filesystem::path& main, std::string_view instance);

// What the main file says of the service itself, the registry among it: sources and models are not looked at, wherever
// they stand, nor is what is included. For whoever only asks the registry, which is wanted most when a model's file is
// broken, and soon also where there are thousands.
Loaded load_service(const std::filesystem::path& main, std::string_view instance);

// The same as load() for text, as if it stood in `name`; includes are refused.
Loaded load_text(std::string_view toml, const std::filesystem::path& name, std::string_view instance);

}  // namespace retraind::settings
