// `retraind doctor`: gathers facts about the configuration, the registry, the sources, the artifacts and this host, has
// core/doctor judge them, and says what is wrong and how to mend it. Whatever cannot be looked at is a finding; the
// rest is looked at all the same.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/doctor/artifacts.h"
#include "core/doctor/host.h"
#include "core/doctor/schema.h"
#include "core/doctor/server.h"
#include "core/doctor/work.h"
#include "core/runs/daemons.h"
#include "core/source/session.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/credentials.h"
#include "daemon/host_facts.h"
#include "daemon/progress_line.h"

namespace retraind::daemon {
namespace {

using doctor::Findings;

constexpr auto kQuickDays = std::chrono::days(30);

TimePoint host_now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

void append(Findings& to, Findings from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

std::string remedy_of(const Error& error) {
  return error.hint().empty() ? "look at the server's log, and at the connection string" : error.hint();
}

class Doctor {
 public:
  Doctor(const Options& options, const settings::Settings& settings)
      : options_(options), settings_(settings), registry_(settings.registry.conninfo, "retraind doctor") {}

  // False: it cannot be reached.
  bool look_at_registry(Findings& out) {
    Duration took{};
    doctor::ServerFacts server;
    try {
      registry_.transact("look at the server", [&](store::Transaction& transaction) {
        runs::registry_now(transaction);  // connected, and warm
        const TimePoint before = host_now();
        registry_now_ = runs::registry_now(transaction);
        const TimePoint after = host_now();
        took = after - before;
        host_ahead_ = before + took / 2 - registry_now_;
        server = doctor::read_server(transaction, settings_.registry.conninfo);
      });
    } catch (const Error& error) {
      out.push_back(doctor::problem("registry.reachable", error.what(), remedy_of(error)));
      return false;
    }
    out.push_back(doctor::ok("registry.reachable",
                             fmt::format("{} answers within {}", registry_.description(), format_duration(took))));
    append(out, doctor::judge_registry_server(server));
    out.push_back(doctor::judge_clocks("registry.clock", "the clock of this host", registry_now_ + host_ahead_,
                                       "the registry's", registry_now_, took));
    bool current = false;
    attempt("schema.version", out, [&] {
      const store::SchemaReport schema = store::inspect_schema(registry_);
      out.push_back(doctor::judge_schema_version(schema));
      current = schema.status == store::SchemaStatus::current;
    });
    if (!current) return true;
    attempt("schema.objects", out, [&] {
      registry_.transact("look at the schema", [&](store::Transaction& transaction) {
        append(out, doctor::judge_schema(doctor::read_schema(transaction)));
      });
    });
    attempt("work.overdue", out, [&] {
      registry_.transact("look at the work", [&](store::Transaction& transaction) {
        append(out, doctor::judge_work(doctor::read_work(transaction, options_.filter, registry_now_)));
      });
    });
    attempt("artifacts.bytes", out, [&] { look_at_artifacts(out); });
    return true;
  }

  // False: one cannot be reached.
  bool look_at_sources(Findings& out) {
    bool all = true;
    for (const auto& [name, source] : settings_.sources) {
      if (options_.filter && !needs(name)) continue;
      try {
        source::Session session(source, "retraind doctor");
        const TimePoint before = host_now();
        const doctor::ServerFacts server = doctor::read_server(session, source.conninfo);
        const Duration took = host_now() - before;
        out.push_back(doctor::ok("source.reachable", fmt::format("source \"{}\" answers", name)));
        append(out, doctor::judge_source_server(name, server, is_scored_into(name)));
        if (registry_now_ != TimePoint{}) {
          out.push_back(doctor::judge_clocks("source.clock", fmt::format("the clock of source \"{}\"", name),
                                             server.now, "the registry's", before + took / 2 - host_ahead_, took));
        }
      } catch (const Error& error) {
        all = all && dynamic_cast<const UnreachableError*>(&error) == nullptr;
        out.push_back(doctor::problem("source.reachable", error.what(), remedy_of(error)));
        continue;
      }
      out.push_back(source.statement_timeout > Duration::zero()
                        ? doctor::ok("source.timeout", fmt::format("source \"{}\": a statement may take {}", name,
                                                                   format_duration(source.statement_timeout)))
                        : doctor::warning(
                              "source.timeout", fmt::format("source \"{}\": a statement may take for ever", name),
                              fmt::format("source.{}.statement_timeout: a query that hangs holds up its model", name)));
    }
    return all;
  }

 private:
  // What this login may not look at, or what breaks while it is looked at, keeps nothing else from being looked at.
  template <class Body>
  static void attempt(std::string_view check, Findings& out, const Body& body) {
    try {
      body();
    } catch (const Error& error) {
      out.push_back(
          doctor::problem(check, std::string("it could not be looked at: ") + error.what(),
                          error.hint().empty() ? "a login in retraind_daemon may look at everything" : error.hint()));
    }
  }

  void look_at_artifacts(Findings& out) {
    std::vector<doctor::StoredArtifact> wanted;
    std::size_t all = 0;
    registry_.transact("list artifacts", [&](store::Transaction& transaction) {
      wanted = doctor::list_artifacts(transaction, options_.filter, {});
      all = wanted.size();
      if (options_.quick) wanted = doctor::list_artifacts(transaction, options_.filter, registry_now_ - kQuickDays);
    });
    ProgressLine line;
    doctor::ArtifactFacts facts =
        doctor::verify_artifacts(registry_, wanted, [&](std::uint64_t done, std::uint64_t total) {
          line.say(fmt::format("reading artifacts: {} of {}", format_bytes(done), format_bytes(total)));
        });
    facts.left_out = all - wanted.size();
    line.clear();
    out.push_back(doctor::judge_artifacts(facts));
  }

  bool needs(const std::string& source) const {
    const auto model = settings_.models.find(*options_.filter);
    return model == settings_.models.end() || model->second.source == source || model->second.scoring.source == source;
  }
  bool is_scored_into(const std::string& source) const {
    for (const auto& [name, model] : settings_.models) {
      if (model.scoring.into.empty()) continue;
      if ((model.scoring.source.empty() ? model.source : model.scoring.source) == source) return true;
    }
    return false;
  }

  const Options& options_;
  const settings::Settings& settings_;
  store::Database registry_;
  TimePoint registry_now_{};
  Duration host_ahead_{};  // of the registry
};

void print(const Findings& findings) {
  const bool coloured = ::isatty(STDOUT_FILENO) == 1;
  std::size_t width = 0;
  for (const doctor::Finding& finding : findings) width = std::max(width, finding.check.size());
  std::size_t counts[3] = {};
  for (const doctor::Finding& finding : findings) {
    ++counts[static_cast<std::size_t>(finding.judgement)];
    const char* const colour = !coloured                                         ? ""
                               : finding.judgement == doctor::Judgement::problem ? "\033[1;31m"
                               : finding.judgement == doctor::Judgement::warning ? "\033[33m"
                                                                                 : "\033[32m";
    std::printf("%s%-8s%s %-*s  %s\n", colour, std::string(to_text(finding.judgement)).c_str(),
                coloured ? "\033[0m" : "", static_cast<int>(width), finding.check.c_str(), finding.sentence.c_str());
    if (!finding.remedy.empty()) {
      std::printf("%-8s %-*s  what to do: %s\n", "", static_cast<int>(width), "", finding.remedy.c_str());
    }
  }
  std::printf("\n%zu ok, %zu warnings, %zu problems\n", counts[0], counts[1], counts[2]);
}

}  // namespace

int doctor_command(const Options& options) {
  adopt_credentials();
  const settings::Loaded loaded = settings::load(options.config, host_name());
  if (loaded.complaints.empty() && options.filter && !loaded.settings.models.contains(*options.filter)) {
    throw Error(fmt::format("the configuration has no model \"{}\"", *options.filter),
                "`retraind status` lists those of the registry");
  }
  const doctor::HostFacts host = gather_host(options.config, loaded);
  Findings findings = doctor::judge_configuration(host);
  bool reached = true;
  // What the files say of connections cannot be relied on while there is a complaint about them.
  if (loaded.complaints.empty()) {
    Doctor looking(options, loaded.settings);
    reached = looking.look_at_registry(findings);
    reached = looking.look_at_sources(findings) && reached;
  }
  append(findings, doctor::judge_host(host));
  if (options.json) {
    std::printf("%s\n", doctor::to_json(findings).c_str());
  } else {
    print(findings);
  }
  if (!loaded.complaints.empty()) return kInvalidConfiguration;
  if (!reached) return kUnreachable;
  return doctor::worst(findings) == doctor::Judgement::problem ? kFailed : kDone;
}

}  // namespace retraind::daemon
