#pragma once
// What is written about the program without anybody writing it twice: manual pages in man(7) and the completion of
// bash, both made of the tree that parses the command line and prints --help, and the page about the configuration,
// made of config/retraind.toml. Pure. Internal commands, those without a group, are left out everywhere.

#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace retraind::daemon {

// What stands at the foot of each page.
struct ManualEdition {
  std::string version;
  std::string date;  // YYYY-MM-DD
};

// The commands a person may use, in the order of --help.
std::vector<const CLI::App*> public_commands(const CLI::App& tree);
// The options and positional arguments of a command, in the order of --help, but for --help itself.
std::vector<const CLI::Option*> public_options(const CLI::App& command);

// retraind(1): every command with its arguments.
std::string command_page(const CLI::App& tree, const ManualEdition& edition);

// retraind.toml(5): the tables and keys of the commented file, each with the comment above it. `text` is that file: a
// line "# words" is a comment, "[table]" and "key = value" are what they are, also behind one '#' without a space.
// Throws std::invalid_argument at a line that is none of these.
std::string settings_page(std::string_view text, const ManualEdition& edition);

// Completes commands, options, and what is said by the name of an argument's type: MODEL (those of the files in
// /etc/retraind and of --config; no database is asked), FILE and DIR.
std::string bash_completion(const CLI::App& tree);

}  // namespace retraind::daemon
