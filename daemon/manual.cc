#include "daemon/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <stdexcept>

namespace retraind::daemon {
namespace {

// Words as roff takes them: nothing in them is a request or an escape, and a hyphen stays the one that can be copied.
std::string roff(std::string_view words) {
  std::string out;
  for (const char c : words) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') ? "\\&" + out : out;
}

std::string bold(std::string_view words) {
  return "\\fB" + roff(words) + "\\fR";
}

std::string italic(std::string_view words) {
  return "\\fI" + roff(words) + "\\fR";
}

std::string title(std::string_view name, int section, std::string_view about, const ManualEdition& edition) {
  return fmt::format(".\\\" Generated; do not edit.\n.TH {} {} \"{}\" \"retraind {}\" \"{}\"\n.nh\n.ad l\n", roff(name),
                     section, edition.date, roff(edition.version), about);
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

// The value's name: what was said for it, or the type in CLI11's words.
std::string value_name(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.empty() ? "VALUE" : type.substr(0, type.find(':'));
}

std::string names_of(const CLI::Option& option) {
  std::string out;
  for (const std::string& name : option.get_snames()) out += (out.empty() ? "" : ", ") + bold("-" + name);
  for (const std::string& name : option.get_lnames()) out += (out.empty() ? "" : ", ") + bold("--" + name);
  return takes_value(option) ? out + " " + italic(value_name(option)) : out;
}

// Its range, where it has one, as CLI11 writes it behind the type: "INT in [1 - 100]".
std::string range_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t colon = type.find(':');
  return colon == std::string::npos ? "" : type.substr(colon + 1);
}

std::string option_entry(const CLI::Option& option) {
  std::string text = option.get_description();
  const auto add = [&text](const std::string& words) { text += (text.empty() ? "" : "; ") + words; };
  if (!range_of(option).empty()) add(range_of(option));
  if (!option.get_default_str().empty()) add("default: " + option.get_default_str());
  if (!option.get_envname().empty()) add("or the environment variable " + option.get_envname());
  for (const CLI::Option* needed : option.get_needs()) add("with " + needed->get_name() + " only");
  for (const CLI::Option* other : option.get_excludes()) add("not with " + other->get_name());
  const std::string head = option.get_positional() ? italic(option.get_name()) : names_of(option);
  return fmt::format(".TP\n{}\n{}\n", head, roff(text));
}

// What stands below the options in --help: the exit codes, which are the same for all, and before them examples.
constexpr std::string_view kExitCodes = "Exit codes:";

std::string examples_of(const CLI::App& command) {
  const std::string footer = command.get_footer();
  const std::size_t end = std::min(footer.find(kExitCodes), footer.size());
  std::string lines;
  for (std::size_t at = 0; at < end;) {
    const std::size_t next = std::min(footer.find('\n', at), end);
    const std::string line = footer.substr(at, next - at);
    if (line.starts_with("  ")) lines += roff(line.substr(2)) + "\n";
    at = next + 1;
  }
  return lines.empty() ? "" : ".PP\nFor example:\n.PP\n.RS\n.nf\n" + lines + ".fi\n.RE\n";
}

std::string exit_status_of(const CLI::App& tree) {
  const std::string footer = tree.get_footer();
  const std::size_t begin = footer.find(kExitCodes);
  std::string text = begin == std::string::npos ? "" : footer.substr(begin + kExitCodes.size() + 1);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return roff(text) + "\n";
}

std::string synopsis_of(const CLI::App& tree, const CLI::App& command) {
  std::string out = bold(tree.get_name() + " " + command.get_name());
  const auto all = public_options(command);
  if (std::any_of(all.begin(), all.end(), [](const CLI::Option* option) { return !option->get_positional(); }))
    out += " [" + italic("options") + "]";
  for (const CLI::Option* option : all) {
    if (!option->get_positional()) continue;
    const std::string name = italic(option->get_name());
    out += " " + (option->get_required() ? name : "[" + name + "]");
  }
  return out;
}

// One word for a shell.
std::string shell_word(std::string_view words) {
  std::string out = "'";
  for (const char c : words) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The options' names, and a case line for each of them that is followed by something that can be completed.
struct CompletedOptions {
  std::string names;
  std::string values;
};

const char* completion_of(const std::string& type) {
  if (type == "FILE") return "_retraind_files";
  if (type == "DIR") return "_retraind_folders";
  if (type == "MODEL") return "_retraind_models";
  return ":";
}

CompletedOptions completed(const CLI::App& command) {
  CompletedOptions out;
  for (const CLI::Option* option : public_options(command)) {
    if (option->get_positional()) continue;
    std::string pattern;
    const auto add = [&](const std::string& name) {
      out.names += (out.names.empty() ? "" : " ") + name;
      pattern += (pattern.empty() ? "" : "|") + name;
    };
    for (const std::string& name : option->get_snames()) add("-" + name);
    for (const std::string& name : option->get_lnames()) add("--" + name);
    if (takes_value(*option))
      out.values += fmt::format("      {}) {}; return ;;\n", pattern, completion_of(value_name(*option)));
  }
  return out;
}

// The first positional argument decides: no command has two that could be completed.
const char* completed_positional(const CLI::App& command) {
  for (const CLI::Option* option : public_options(command)) {
    if (option->get_positional()) return completion_of(value_name(*option));
  }
  return ":";
}

}  // namespace

std::vector<const CLI::App*> public_commands(const CLI::App& tree) {
  return tree.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

std::vector<const CLI::Option*> public_options(const CLI::App& command) {
  return command.get_options(
      [&](const CLI::Option* option) { return !option->get_group().empty() && option != command.get_help_ptr(); });
}

std::string command_page(const CLI::App& tree, const ManualEdition& edition) {
  std::string out = title("RETRAIND", 1, "User Commands", edition);
  out += fmt::format(".SH NAME\nretraind \\- continuous training on PostgreSQL\n.SH SYNOPSIS\n{} [{}] {} [{}]\n",
                     bold(tree.get_name()), italic("options"), italic("command"), italic("arguments"));
  out += fmt::format(".SH DESCRIPTION\n{}\nEach command also explains itself: {}.\n", roff(tree.get_description()),
                     bold(tree.get_name() + " COMMAND --help"));
  out += ".SH OPTIONS\nBefore or after the command.\n";
  for (const CLI::Option* option : public_options(tree)) out += option_entry(*option);
  out += ".TP\n" + bold("-h") + ", " + bold("--help") + "\n" + roff(tree.get_help_ptr()->get_description()) + "\n";
  out += ".SH COMMANDS\n";
  for (const CLI::App* command : public_commands(tree)) {
    out += fmt::format(".SS {}\n{}\n.PP\n{}.\n", roff(command->get_name()), synopsis_of(tree, *command),
                       roff(command->get_description()));
    for (const CLI::Option* option : public_options(*command)) out += option_entry(*option);
    out += examples_of(*command);
  }
  out += ".SH EXIT STATUS\n" + exit_status_of(tree);
  out += ".SH FILES\n.TP\n.I /etc/retraind/retraind.toml\nthe configuration\n";
  out += ".SH SEE ALSO\n.BR retraind.toml (5),\n.BR retraind (8),\n.I /usr/share/doc/retraind\n";
  return out;
}

std::string settings_page(std::string_view text, const ManualEdition& edition) {
  std::string out = title("RETRAIND.TOML", 5, "File Formats", edition);
  out += ".SH NAME\nretraind.toml \\- configuration of retraind\n.SH DESCRIPTION\n";
  std::string comment;
  bool after_key = false;  // the line before was a key, and its entry waits for nothing
  std::string heads;       // keys that share the comment above them
  const auto end_entry = [&] {
    if (heads.empty()) return;
    out += heads + (comment.empty() ? "\\&" : roff(comment)) + "\n";
    heads.clear();
    comment.clear();
    after_key = false;
  };
  const auto end_paragraph = [&] {
    end_entry();
    if (!comment.empty()) out += ".PP\n" + roff(comment) + "\n";
    comment.clear();
  };
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::string_view setting = line.starts_with('#') ? line.substr(1) : line;
    if (line.empty() || line == "#") {
      end_paragraph();
    } else if (line.starts_with("# ")) {
      if (after_key) end_entry();
      comment += (comment.empty() ? "" : " ") + std::string(line.substr(2));
    } else if (setting.starts_with('[')) {
      end_entry();
      const std::string about = std::move(comment);
      comment.clear();
      out += ".SS " + roff(setting) + "\n";
      if (!about.empty()) out += roff(about) + "\n";
    } else if (setting.find(" = ") != std::string_view::npos) {
      heads += (heads.empty() ? ".TP\n" : ".TQ\n") + bold(setting) + "\n";
      after_key = true;
    } else {
      throw std::invalid_argument(
          fmt::format("line {} is neither a comment, a table nor a key of one line: {}", number, line));
    }
  }
  end_paragraph();
  out += ".SH SEE ALSO\n.BR retraind (1),\n.BR retraind (8),\n.I /usr/share/doc/retraind/configuration.md\n";
  return out;
}

std::string bash_completion(const CLI::App& tree) {
  const CompletedOptions global = completed(tree);
  std::string words;
  std::string cases;
  for (const CLI::App* command : public_commands(tree)) {
    words += (words.empty() ? "" : " ") + command->get_name();
    const CompletedOptions own = completed(*command);
    cases += fmt::format("    {})\n      options+={}\n      case $previous in\n{}      esac\n      positional={} ;;\n",
                         command->get_name(), shell_word(own.names.empty() ? "" : " " + own.names),
                         own.values.empty() ? "      '') ;;\n" : own.values, completed_positional(*command));
  }
  return fmt::format(R"bash(# Completion of retraind for bash. Generated; do not edit.

_retraind_files() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$current")
}}

_retraind_folders() {{
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -d -- "$current")
}}

# The models of the configuration files that this user may read: no database is asked.
_retraind_models() {{
  local names
  names=$(sed -n 's/^[[:space:]]*\[model\.\([a-z][a-z0-9_]*\)\].*/\1/p' "$config" /etc/retraind/models.d/*.toml 2>/dev/null)
  mapfile -t COMPREPLY < <(compgen -W "$names" -- "$current")
}}

_retraind() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command='' config=${{RETRAIND_CONFIG:-/etc/retraind/retraind.toml}} positional=: word i
  local commands={} options={}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${{COMP_WORDS[i]}}
    case $word in
      -c | --config) config=${{COMP_WORDS[i + 1]}} ;;
    esac
    if [[ -z $command && " $commands " == *" $word "* ]]; then command=$word; fi
  done
  case $previous in
{}  esac
  case $command in
{}    *)
      if [[ $current != -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current")
        return
      fi ;;
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$current")
  else
    $positional
  fi
}}
complete -F _retraind retraind
)bash",
                     shell_word(words), shell_word(global.names), global.values, cases);
}

}  // namespace retraind::daemon
