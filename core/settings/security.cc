#include "core/settings/security.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <vector>

#include "core/custody/command.h"
#include "core/custody/way.h"

namespace retraind::settings {
namespace {

constexpr std::uint32_t kRoot = 0;
constexpr std::uint32_t kNotForOthers = 0027;  // of a webhook's secret: read by its group, as systemd gives credentials
constexpr std::uint32_t kRootsKey = 0037;      // what libpq allows nobody of a key that root owns …
constexpr std::uint32_t kOwnKey = 0077;        // … and of one's own

class Judge {
 public:
  Judge(Loaded& loaded, const Circumstances& circumstances) : loaded_(loaded), here_(circumstances) {}

  void judge_files() {
    for (const auto& file : loaded_.settings.files) {
      judge_configuration(file, {Mention::What::include, "", file, 0, 0, {}});
    }
  }

  // Whoever could rename what is in it could hand a worker another job. Its owner is trusted: the daemon's user, whom a
  // person who checks the configuration is not.
  void judge_state_dir() {
    if (loaded_.settings.files.empty()) return;
    const auto& folder = loaded_.settings.daemon.state_dir;
    const custody::Way way = custody::walk(folder);
    std::vector<std::uint32_t> trusted = {kRoot, here_.user};
    if (way.goal() != nullptr) trusted.push_back(way.goal()->owner);
    const auto fault = custody::find_stranger(way, trusted);
    if (!fault) return;
    report(here_.as_service, {Mention::What::include, "daemon.state_dir", loaded_.settings.files.front(), 0, 0, {}},
           fmt::format("others could change what workers are given in {}: {}; take the right to write from them (chmod "
                       "go-w)",
                       folder.string(), *fault));
  }

  void judge(const Mention& mention) {
    switch (mention.what) {
      case Mention::What::command:
        return judge_command(mention);
      case Mention::What::conninfo:
        return judge_conninfo(mention);
      case Mention::What::url:
        return judge_url(mention);
      case Mention::What::webhook_secret:
        return judge_secret(mention, mention.words.at(0), "the webhook's secret", kNotForOthers, kNotForOthers);
      case Mention::What::variable:
        return judge_variable(mention);
      case Mention::What::include:
        return judge_configuration(mention.words.at(0), mention);
    }
  }

 private:
  // A file of the configuration, or a folder of such files.
  void judge_configuration(const std::filesystem::path& path, const Mention& mention) {
    const std::array<std::uint32_t, 2> trusted = {kRoot, here_.user};
    const auto fault = custody::find_stranger(custody::walk(path), trusted);
    // One folder is told once, however many files are in it.
    if (!fault || !told_.insert(*fault).second) return;
    report(
        here_.as_service, mention,
        fmt::format("others could change what is configured here, and with it what the daemon runs: {}; let root own "
                    "{} and every folder above, and take the right to write from all others (chown root, chmod go-w)",
                    *fault, path.string()));
  }

  void judge_command(const Mention& mention) {
    if (loaded_.settings.security.root_owned_commands == RootOwnedCommands::never) return;
    const auto fault = custody::find_command_fault(mention.words);
    if (!fault) return;
    const bool refused = must_be_root_owned(loaded_.settings.security, here_.as_service);
    report(refused, mention,
           fmt::format("others than root could change what {} runs: {}; {}",
                       refused ? "the daemon" : "the daemon, which as a service refuses it,", *fault,
                       custody::kCommandAdvice));
  }

  void judge_conninfo(const Mention& mention) {
    const auto parameters = effective_parameters(mention.words.at(0), here_.libpq);
    if (!parameters) return;  // libpq says why, when it is asked to connect
    if (const auto fault = find_transport_fault(*parameters, here_.libpq.version)) {
      report(loaded_.settings.security.require_tls, mention, *fault);
    }
    if (const auto file = parameters->find("passfile"); file != parameters->end()) {
      judge_secret(mention, file->second, "the passfile", kOwnKey, kOwnKey);
    }
    if (const auto file = parameters->find("sslkey"); file != parameters->end()) {
      judge_secret(mention, file->second, "the key", kRootsKey, kOwnKey);
    }
  }

  void judge_url(const Mention& mention) {
    const std::string& url = mention.words.at(0);
    constexpr std::string_view kPlain = "http://";
    if (!url.starts_with(kPlain)) return;
    const std::string_view rest = std::string_view(url).substr(kPlain.size());
    const std::string_view authority = rest.substr(0, rest.find('/'));
    const auto end = authority.starts_with('[') ? authority.find(']') + 1 : authority.find(':');
    const std::string_view host = authority.substr(0, end);
    if (is_loopback(host)) return;
    report(
        loaded_.settings.security.require_tls, mention,
        fmt::format("the connection to {} leaves this machine, and everybody in between can read along and answer in "
                    "its place; use https://",
                    host));
  }

  // A secret that others may read is none any more. `roots` and `own`: what the permissions must not allow, where root
  // owns the file and where somebody else does.
  void judge_secret(const Mention& mention, const std::string& file, std::string_view what, std::uint32_t roots,
                    std::uint32_t own) {
    const custody::Way way = custody::walk(file);
    const custody::Station* goal = way.goal();
    if (goal == nullptr || goal->kind != custody::Kind::file) return;  // said when it is needed
    if ((goal->mode & (goal->owner == kRoot ? roots : own)) == 0) return;
    report(true, mention,
           fmt::format("{} {} is open to others (its mode is {:04o}) and would not be used; chmod 0600 it, and make a "
                       "new secret if others could read it",
                       what, file, goal->mode));
  }

  void judge_variable(const Mention& mention) {
    report(false, mention,
           fmt::format("{} looks like a secret: it is kept in the registry with the model's configuration, and whoever "
                       "may read this file reads it; let the trainer read a file of its own, or use pass_environment",
                       mention.words.at(0)));
  }

  void report(bool refused, const Mention& mention, const std::string& message) {
    Complaint complaint{.file = mention.file,
                        .line = mention.line,
                        .column = mention.column,
                        .message = mention.path.empty() ? message : mention.path + ": " + message};
    (refused ? loaded_.complaints : loaded_.warnings).push_back(std::move(complaint));
  }

  Loaded& loaded_;
  const Circumstances& here_;
  std::set<std::string> told_;
};

}  // namespace

bool must_be_root_owned(const Security& security, bool as_service) {
  return security.root_owned_commands == RootOwnedCommands::always ||
         (security.root_owned_commands == RootOwnedCommands::service && as_service);
}

void judge_security(Loaded& loaded, const Circumstances& circumstances) {
  Judge judge(loaded, circumstances);
  judge.judge_files();
  judge.judge_state_dir();
  for (const Mention& mention : loaded.mentions) judge.judge(mention);
}

}  // namespace retraind::settings
