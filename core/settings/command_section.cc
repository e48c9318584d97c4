// The keys of the command trainer: its programs, and the cage they run in.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

constexpr std::uint64_t kKiB = std::uint64_t{1} << 10;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::array<std::string_view, 9> kSecretWords = {
    "PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "API_KEY", "APIKEY", "PRIVATE_KEY", "ACCESS_KEY"};
constexpr std::string_view kVariableForm = "a letter or '_', then letters, digits or '_'";

bool is_variable(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view kDigits = "0123456789";
  return !name.empty() && kLetters.find(name.front()) != std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return kLetters.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos;
         });
}

// By its name alone: what it holds is nobody's business.
bool looks_like_secret(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return std::any_of(kSecretWords.begin(), kSecretWords.end(),
                     [&](std::string_view word) { return upper.find(word) != std::string::npos; });
}

struct Prefix {
  std::string_view begin;
  std::string_view why_not;
};
constexpr std::array<Prefix, 3> kRefused = {
    {{"PG", "libpq connects by it, and a trainer has its rows in files and no way into a database"},
     {"LD_", "it makes programs load other code than their own, which no lineage would tell"},
     {"RETRAIND_", "names that begin with RETRAIND_ are retraind's own"}}};

// Why a command does not get a variable of this name; empty where it may.
std::string_view why_refused(std::string_view name) {
  const auto prefix =
      std::find_if(kRefused.begin(), kRefused.end(), [name](const Prefix& p) { return name.starts_with(p.begin); });
  return prefix == kRefused.end() ? std::string_view() : prefix->why_not;
}

// Likewise for one from the daemon's own environment, which leads to what is the daemon's alone.
std::string_view why_kept(std::string_view name) {
  if (name == "CREDENTIALS_DIRECTORY") return "the daemon's secrets are there";
  if (name == "JOURNAL_STREAM" || name.starts_with("WATCHDOG_") || name.starts_with("LISTEN_") ||
      name.ends_with("_SOCKET") || name.ends_with("_SOCK")) {
    return "it leads to a service that talks to the daemon, not to a trainer";
  }
  return why_refused(name);
}

void read_environment(TableReader& reader, std::map<std::string, std::string>& out) {
  constexpr std::string_view kExpected = R"(a table of strings by name, such as { LANG = "C.UTF-8" })";
  const Entry* entry = reader.ask("environment", std::string(kExpected), "{}");
  if (entry == nullptr) return;
  const auto* table = std::get_if<Node::Table>(&entry->node.value);
  if (table == nullptr) {
    reader.complain("environment", fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
    return;
  }
  for (const Entry& variable : *table) {
    const std::string path = fmt::format("{}.environment.{}", reader.path(), printable(variable.key));
    const auto* value = std::get_if<std::string>(&variable.node.value);
    const std::string_view why_not = why_refused(variable.key);
    if (!is_variable(variable.key)) {
      reader.complain_at(variable.place, fmt::format("{}: the name of a variable is {}", path, kVariableForm));
    } else if (!why_not.empty()) {
      reader.complain_at(variable.place, fmt::format("{}: a command does not get this variable: {}", path, why_not));
    } else if (value == nullptr || value->find('\0') != std::string::npos) {
      reader.complain_at(variable.node.place, fmt::format("{}: expected a string without a zero character, found {}",
                                                          path, describe(variable.node)));
    } else {
      if (looks_like_secret(variable.key)) {
        reader.mention(Mention::What::variable, "environment", {variable.key});
      }
      out[variable.key] = *value;
    }
  }
}

void read_passed(TableReader& reader, const std::map<std::string, std::string>& environment,
                 std::vector<std::string>& out) {
  if (!reader.texts("pass_environment", out, "an array of names of variables")) return;
  for (const std::string& name : out) {
    const std::string_view why_not = why_kept(name);
    const std::string quoted = TableReader::quoted(printable(name));
    if (!is_variable(name)) {
      reader.complain("pass_environment", fmt::format("{}: the name of a variable is {}", quoted, kVariableForm));
    } else if (!why_not.empty()) {
      reader.complain("pass_environment", fmt::format("{} is not passed on: {}", quoted, why_not));
    } else if (environment.contains(name)) {
      reader.complain("pass_environment", fmt::format("{} has its value in `environment` already", quoted));
    }
  }
}

void read_files(TableReader& reader, std::vector<std::filesystem::path>& out) {
  std::vector<std::string> paths;
  if (!reader.texts("files", paths, "an array of absolute paths")) return;
  for (const std::string& path : paths) {
    if (std::filesystem::path(path).is_absolute()) {
      out.emplace_back(path);
    } else {
      reader.complain("files", fmt::format("expected absolute paths, found \"{}\" in it", printable(path)));
    }
  }
}

}  // namespace

void read_command(TableReader& reader, const std::optional<std::string>& trainer, Command& out) {
  if (trainer == "command") {
    for (const std::string_view key : {"train", "predict"}) reader.require(key);
  }
  read_argv(reader, "train", out.train);
  read_argv(reader, "predict", out.predict);
  read_environment(reader, out.environment);
  read_passed(reader, out.environment, out.pass_environment);
  read_files(reader, out.files);
  reader.bytes("log_limit", out.log_limit_bytes, 4 * kKiB, 64 * kMiB);
  reader.bytes("disk_limit", out.disk_limit_bytes, kMiB);
  reader.integer("max_processes", out.max_processes, {1, 65536});
  if (!trainer || trainer == "command") return;
  for (const std::string_view key :
       {"train", "predict", "environment", "pass_environment", "files", "log_limit", "disk_limit", "max_processes"}) {
    if (reader.has(key)) reader.complain(key, "belongs to trainer = \"command\"; leave it out here");
  }
  out = Command{};
}

}  // namespace retraind::settings
