#pragma once
// What was wrong with a command line, in words that help: the nearest word that exists, what is missing with an
// example, and where to read on. Knows the words from the tree alone, so that it cannot name what is not there.
// Thread-safe.

#include <string>
#include <vector>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace retraind::daemon {

// One or two lines. `arguments`: what was typed, without the program's name; `error`: what the tree made of it.
std::string explain_usage(const CLI::App& tree, const std::vector<std::string>& arguments,
                          const CLI::ParseError& error);

// The commands by what they are for, a line each: what `retraind` alone prints.
std::string short_help(const CLI::App& tree);

}  // namespace retraind::daemon
