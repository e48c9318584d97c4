#include "daemon/usage_error.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "core/base/text.h"
#include "daemon/display_text.h"

namespace retraind::daemon {
namespace {

// A value for each option that takes one, as it may stand behind it.
const std::map<std::string, std::string> kValues = {
    {"--config", "/etc/retraind/retraind.toml"},
    {"--color", "never"},
    {"--model", "power"},
    {"--limit", "50"},
    {"--since", "7d"},
    {"--until", "\"2026-05-03 12:00\""},
    {"--watch", "5"},
    {"--reason", "\"complaints since Monday\""},
    {"--dry-run", "power"},
    {"--rows", "5000"},
    {"--to", "3"},
    {"--trigger", "weekly"},
    {"--threads", "4"},
    {"--version", "7"},
    {"--out", "./power-v7"},
    {"--in", "rows.csv"},
    {"--keep-columns", "id,ts"},
};

bool is_internal(const CLI::App* command) {
  return command->get_group().empty();
}

std::vector<const CLI::App*> commands_of(const CLI::App& tree) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* command : tree.get_subcommands([](const CLI::App*) { return true; })) {
    if (!is_internal(command)) out.push_back(command);
  }
  return out;
}

// "--limit" and "-n" of all options of a command.
std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  std::vector<const CLI::Option*> out;
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) out.push_back(option);
  return out;
}

bool has_name(const CLI::Option& option, const std::string& word) {
  if (word.starts_with("--")) {
    const auto& names = option.get_lnames();
    return std::find(names.begin(), names.end(), word.substr(2)) != names.end();
  }
  const auto& names = option.get_snames();
  return word.size() >= 2 && std::find(names.begin(), names.end(), word.substr(1, 1)) != names.end();
}

// Of the words that were typed: the command, and where its own begin. nullptr where the first word is none.
struct Typed {
  const CLI::App* command = nullptr;
  std::optional<std::string> first_word;  // that is no option and no option's value
};

Typed look_through(const CLI::App& tree, const std::vector<std::string>& arguments) {
  Typed out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (word.starts_with('-') && word.size() > 1) {
      for (const CLI::Option* option : options_of(tree)) {
        const bool takes_next = has_name(*option, word) && option->get_items_expected_max() > 0 &&
                                word.find('=') == std::string::npos && !(word.size() > 2 && !word.starts_with("--"));
        if (takes_next) {
          ++i;
          break;
        }
      }
      continue;
    }
    out.first_word = word;
    for (const CLI::App* command : tree.get_subcommands([](const CLI::App*) { return true; })) {
      if (command->get_name() == word) out.command = command;
    }
    return out;
  }
  return out;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const auto near = nearest(word, known);
  return near ? fmt::format("; did you mean '{}'?", *near) : std::string();
}

// The first line below "Example" in a command's help.
std::string example_of(const CLI::App& command) {
  const std::string footer = command.get_footer();
  const auto begin = footer.find("\n  ");
  if (!footer.starts_with("Example") || begin == std::string::npos) return {};
  return footer.substr(begin + 3, footer.find('\n', begin + 3) - begin - 3);
}

std::string value_example(const std::string& option) {
  const auto value = kValues.find(option);
  return value == kValues.end() ? std::string() : fmt::format("such as {} {}", option, value->second);
}

// An option that was typed and does not exist; with the nearest that does.
std::optional<std::string> unknown_option(const CLI::App& tree, const CLI::App* command,
                                          const std::vector<std::string>& arguments) {
  std::vector<const CLI::Option*> all = options_of(tree);
  if (command != nullptr) {
    const auto own = options_of(*command);
    all.insert(all.end(), own.begin(), own.end());
  }
  std::vector<std::string> names;
  for (const CLI::Option* option : all) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const std::string& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with('-') || argument.size() < 2) continue;
    const std::string word = argument.substr(0, argument.find('='));
    if (std::any_of(all.begin(), all.end(), [&](const CLI::Option* option) { return has_name(*option, word); })) {
      continue;
    }
    return fmt::format("unknown option '{}'{}", printable_text(word), did_you_mean(word, names));
  }
  return std::nullopt;
}

// The option that CLI11's message begins with: "--limit: …".
std::string option_in(const std::string& message) {
  const std::string name = message.substr(0, message.find_first_of(": "));
  return name.starts_with('-') ? name : std::string();
}

}  // namespace

std::string explain_usage(const CLI::App& tree, const std::vector<std::string>& arguments,
                          const CLI::ParseError& error) {
  const Typed typed = look_through(tree, arguments);
  const std::string message = printable_text(error.what());
  std::string said = message;
  if (typed.command == nullptr && typed.first_word) {
    std::vector<std::string> names;
    for (const CLI::App* command : commands_of(tree)) names.push_back(command->get_name());
    said = fmt::format("unknown command '{}'{}", printable_text(*typed.first_word),
                       did_you_mean(*typed.first_word, names));
  } else if (const auto unknown = unknown_option(tree, typed.command, arguments)) {
    said = *unknown;
  } else if (typed.command == nullptr) {
    said = "a command is missing";
  } else if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    said = fmt::format("`retraind {}` takes no more words: {}", typed.command->get_name(),
                       message.substr(message.find(": ") + 2));
  } else if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string option = option_in(message);
    const std::string example = value_example(option);
    if (!option.empty()) said = fmt::format("{} needs a value{}", option, example.empty() ? "" : ", " + example);
  } else if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    const std::string example = example_of(*typed.command);
    said = fmt::format("`retraind {}` needs {}{}", typed.command->get_name(), message.substr(0, message.find(' ')),
                       example.empty() ? "" : "; for example: " + example);
  } else if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr ||
             dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
    const std::string example = value_example(option_in(message));
    if (!example.empty()) said += ", " + example;
  }
  const std::string more =
      typed.command == nullptr || is_internal(typed.command) ? "" : typed.command->get_name() + " ";
  return fmt::format("retraind: {}\nhint: `retraind {}--help` says what there is\n", said, more);
}

std::string short_help(const CLI::App& tree) {
  std::string out = tree.get_description() + "\n\nusage: retraind COMMAND [OPTIONS]\n";
  std::size_t width = 0;
  for (const CLI::App* command : commands_of(tree)) width = std::max(width, command->get_name().size());
  std::string group;
  for (const CLI::App* command : commands_of(tree)) {
    if (command->get_group() != group) out += "\n" + (group = command->get_group()) + "\n";
    out += fmt::format("  {:<{}}  {}\n", command->get_name(), width, command->get_description());
  }
  return out + "\n`retraind COMMAND --help` has its options and examples.\n";
}

}  // namespace retraind::daemon
