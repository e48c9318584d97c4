#include "daemon/command_line.h"

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <map>
#include <string>

#include "daemon/time_option.h"

namespace retraind::daemon {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the operation failed; 2 wrong usage; 3 the configuration is invalid; 4 a database cannot be "
    "reached.";

using Examples = std::initializer_list<const char*>;

std::string footer_of(Examples examples) {
  std::string out = examples.size() == 0 ? "" : examples.size() == 1 ? "Example:\n" : "Examples:\n";
  for (const char* example : examples) out += std::string("  ") + example + "\n";
  return out + (out.empty() ? "" : "\n") + kExitCodes;
}

// A time for --since, judged by its form alone: what it is relative to is known later.
std::string time_fault(const std::string& text) {
  if (parse_time_option(text, TimePoint{}, true)) return {};
  return "expected " + std::string(kTimeForm) + ", found \"" + text + "\"";
}

std::string seconds_fault(const std::string& text) {
  double seconds = 0;
  if (CLI::detail::lexical_cast(text, seconds) && seconds >= 0.1 && seconds <= 86400) return {};
  return "expected seconds from 0.1 to 86400, found \"" + text + "\"";
}

// Adds commands to the tree, and to commands what several of them take.
struct Builder {
  CLI::App& tree;
  Options& said;
  std::function<int(const Options&)>& chosen;
  std::string group;  // under which help lists them

  CLI::App* command(const char* name, const char* help, int (*function)(const Options&), Examples examples = {}) const {
    CLI::App* sub = tree.add_subcommand(name, help);
    sub->group(group);
    sub->footer(footer_of(examples));
    sub->callback([&chosen = chosen, function] { chosen = function; });
    return sub;
  }
  void with_model(CLI::App* sub) const {
    sub->add_option("MODEL", said.model, "name of the model")->required()->type_name("MODEL");
  }
  void with_run(CLI::App* sub) const { sub->add_option("RUN", said.run, "id of the run")->required(); }
  void with_reason(CLI::App* sub) const {
    sub->add_option("-r,--reason", said.reason, "why; kept in the history")->required();
  }
  void with_limit(CLI::App* sub, const char* help) const {
    sub->add_option("-n,--limit", said.limit, help)->capture_default_str()->check(CLI::Range(1, 100000));
  }
  // `when`: which of its instants puts a row before or behind a time.
  void with_list(CLI::App* sub, const std::string& when,
                 const char* limit = "at most so many rows, newest first") const {
    sub->add_option("-m,--model", said.filter, "only this model")->type_name("MODEL");
    sub->add_option("--since", said.since, "only what was " + when + " then or later: " + std::string(kTimeForm))
        ->type_name("TIME")
        ->check(time_fault);
    sub->add_option("--until", said.until, "only what was " + when + " before")->type_name("TIME")->check(time_fault);
    with_limit(sub, limit);
  }
  void with_version(CLI::App* sub) const {
    sub->add_option("--version", said.version, "this version (default: the one in production)")
        ->check(CLI::PositiveNumber);
  }
  void with_parent(CLI::App* sub, bool runs_programs) const {
    sub->add_option("--parent", said.parent)->required();
    if (runs_programs) sub->add_flag("--root-owned-commands", said.root_owned);
  }
};

// The daemon, its configuration and its registry.
void add_daemon(const Builder& to) {
  to.command("run", "run the daemon in the foreground", run_command, {"retraind run --config ./retraind.toml"});
  CLI::App* check =
      to.command("check", "say all that is wrong with the configuration", check_command,
                 {"retraind check", "retraind check --online", "retraind check --online --dry-run power"});
  CLI::Option* online =
      check->add_flag("--online", to.said.online, "also connect, plan each query and show the columns");
  CLI::Option* dry_run =
      check
          ->add_option("--dry-run", to.said.model,
                       "make this model of a small sample of its newest rows, say how that went, and keep nothing; "
                       "needs no registry")
          ->type_name("MODEL")
          ->needs(online);
  check->add_option("--rows", to.said.sample, "about so many rows for the dry run")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{20}, std::uint64_t{1000000}))
      ->needs(dry_run);
  CLI::App* migrate = to.command("migrate", "bring the registry's schema to this version", migrate_command,
                                 {"retraind migrate --dry-run", "retraind migrate --config owner.toml"});
  migrate->add_option("--to", to.said.to_version,
                      "go to this schema version instead; 0 removes the schema with all history");
  migrate->add_flag("--dry-run", to.said.dry_run, "only say what is there and what would be done");
  CLI::App* doctor = to.command(
      "doctor",
      "look at everything: configuration, registry, sources, artifacts, this host; say how to mend what is wrong",
      doctor_command, {"retraind doctor", "retraind doctor --quick --model power"});
  doctor->add_option("-m,--model", to.said.filter, "of models, artifacts and sources only what this model needs")
      ->type_name("MODEL");
  doctor->add_flag("--quick", to.said.quick,
                   "of artifacts read only those of the last 30 days and what is in production");
}

// What there is and what has happened.
void add_lists(const Builder& to) {
  CLI::App* status = to.command("status", "one line a model, or all about one", status_command,
                                {"retraind status", "retraind status power", "retraind status --watch 5"});
  CLI::Option* one = status
                         ->add_option("MODEL", to.said.model,
                                      "all about this model: production, what goes on, what "
                                      "is due, the last runs and decisions")
                         ->type_name("MODEL");
  status->add_option("-m,--model", to.said.filter, "only the line of this model")->excludes(one)->type_name("MODEL");
  status
      ->add_option("-w,--watch", to.said.watch,
                   "show it anew after so many seconds (default: 2) until it is interrupted; on a terminal only")
      ->type_name("[SECONDS]")
      ->expected(0, 1)
      ->default_str("2")
      ->check(seconds_fault);
  to.with_list(to.command("history", "promotions and rollbacks, newest first", history_command,
                          {"retraind history --model power", "retraind history --since 30d --limit 100"}),
               "promoted");
  to.with_list(to.command("runs", "runs, newest first, also the rejected and failed ones", runs_command,
                          {"retraind runs --since 2h", "retraind runs --model power --json"}),
               "queued");
  to.with_list(to.command("triggers", "decisions of triggers, newest first", triggers_command,
                          {"retraind triggers --model power --since yesterday"}),
               "decided");
  to.with_list(to.command("trials", "shadows and bakes: two versions on the same new rows, newest first",
                          trials_command, {"retraind trials --model power"}),
               "opened");
  to.with_list(to.command("scorings", "models whose new rows are scored: where to, how far, what went wrong",
                          scorings_command, {"retraind scorings"}),
               "scored", "at most so many models");
  to.with_list(to.command("releases", "whom promotions were announced to, newest first", releases_command,
                          {"retraind releases --since 7d"}),
               "announced");
}

// What a person decides.
void add_steering(const Builder& to) {
  CLI::App* trigger = to.command("trigger", "ask for a run of a model now", trigger_command,
                                 {"retraind trigger power --reason \"new meters since Monday\""});
  to.with_model(trigger);
  trigger->add_option("-r,--reason", to.said.reason,
                      "why; kept in the history (default: asked for at the command line)");
  CLI::App* approve = to.command("approve", "promote the candidate of a run that awaits approval", approve_command,
                                 {"retraind approve 17 --reason \"looked at the slices\""});
  to.with_run(approve);
  to.with_reason(approve);
  CLI::App* reject = to.command("reject", "turn down the candidate of a run that awaits approval", reject_command,
                                {"retraind reject 17 --reason \"trained on a broken feed\""});
  to.with_run(reject);
  to.with_reason(reject);
  CLI::App* cancel = to.command("cancel", "cancel an open run or a shadow", cancel_command,
                                {"retraind cancel 17 --reason \"the source is being moved\""});
  to.with_run(cancel);
  to.with_reason(cancel);
  CLI::App* rollback = to.command("rollback", "put an earlier version back into production", rollback_command,
                                  {"retraind rollback power --reason \"complaints since Monday\"",
                                   "retraind rollback power --to 3 --reason \"4 and 5 are too slow\""});
  to.with_model(rollback);
  to.with_reason(rollback);
  rollback->add_option("--to", to.said.to_version,
                       "this version (default: the one most recently in production that is not quarantined)");
  CLI::App* lift = to.command("lift-quarantine", "let a version that was rolled back from come into production again",
                              lift_quarantine_command,
                              {"retraind lift-quarantine power 5 --reason \"the feed was broken, not the model\""});
  to.with_model(lift);
  lift->add_option("VERSION", to.said.version, "the quarantined version")->required();
  to.with_reason(lift);
  CLI::App* pause = to.command("pause", "keep a model's triggers from starting runs", pause_command,
                               {"retraind pause power --reason \"the meters are being replaced\""});
  to.with_model(pause);
  to.with_reason(pause);
  to.with_model(to.command("resume", "end a pause", resume_command, {"retraind resume power"}));
}

// Looking at a model, and using it elsewhere.
void add_models(const Builder& to) {
  CLI::App* drift = to.command(
      "drift", "check a model's columns, scores and labels for drift now", drift_command,
      {"retraind drift power", "retraind drift power --trigger weekly --json", "retraind drift power --streams 4"});
  to.with_model(drift);
  drift->add_option("-t,--trigger", to.said.trigger,
                    "by the rule of this drift trigger (default: the model's first, or the defaults)");
  drift
      ->add_option("--streams", to.said.streams,
                   "read by so many connections at once where many rows are new (default: as the source says)")
      ->check(CLI::Range(1, 8));
  CLI::App* reproduce =
      to.command("reproduce", "make a version again from the same rows, and compare", reproduce_command,
                 {"retraind reproduce power 7", "retraind reproduce power 7 --kept"});
  to.with_model(reproduce);
  reproduce->add_option("VERSION", to.said.version, "the version")->required()->check(CLI::PositiveNumber);
  reproduce->add_flag("--kept", to.said.kept, "from the rows that were kept with it, without asking the source");
  reproduce->add_flag("--anyway", to.said.anyway, "train on the source's rows also where they have changed");
  reproduce->add_option("--threads", to.said.threads, "train with so many threads (default: as its run did)")
      ->check(CLI::Range(1, 256));
  CLI::App* exporting = to.command("export", "write a version into a folder, to use it without retraind",
                                   export_command, {"retraind export power --out ./power-v7 --version 7"});
  to.with_model(exporting);
  to.with_version(exporting);
  exporting->add_option("-o,--out", to.said.out, "the folder; must not be there, or be empty")
      ->required()
      ->type_name("DIR");
  CLI::App* predict =
      to.command("predict", "predict rows of a CSV file, from standard input to standard output", predict_command,
                 {"retraind predict power < rows.csv > predictions.csv",
                  "retraind predict power --in rows.csv --out predictions.csv --keep-columns id"});
  to.with_model(predict);
  to.with_version(predict);
  predict->add_option("-i,--in", to.said.in, "read the rows from this file")->type_name("FILE");
  predict->add_option("-o,--out", to.said.out, "write the predictions to this file")->type_name("FILE");
  CLI::Option* keep =
      predict->add_option("-k,--keep-columns", to.said.keep_columns,
                          "columns of the rows that are written in front of the predictions; comma-separated");
  keep->delimiter(',');
  predict->add_flag("--with-input", to.said.with_input, "write all columns of the rows")->excludes(keep);
}

// Processes that the daemon starts; nobody is told of them.
void add_internal(const Builder& to) {
  to.with_parent(to.command("worker", "execute one run (internal)", worker_command), true);
  to.with_parent(to.command("look", "look at fresh rows (internal)", look_command), true);
  to.with_parent(to.command("trial", "score two versions on new rows (internal)", trial_command), true);
  to.with_parent(to.command("score", "score new rows (internal)", score_command), true);
  to.with_parent(to.command("announce", "tell a command of a release (internal)", announce_command), false);
}

}  // namespace

CommandLine::CommandLine()
    : tree_(std::make_unique<CLI::App>(
          "Continuous training on PostgreSQL: watches data, retrains, validates, promotes.", "retraind")) {
  tree_->footer(kExitCodes);
  tree_->set_version_flag("--version", version());
  tree_->require_subcommand(1);
  tree_->fallthrough();
  options_.config = "/etc/retraind/retraind.toml";
  tree_->add_option("-c,--config", options_.config, "configuration file")
      ->type_name("FILE")
      ->envname("RETRAIND_CONFIG")
      ->capture_default_str();
  tree_->add_flag("--json", options_.json, "print JSON instead of tables");
  tree_->add_flag("--utc", options_.utc, "times in UTC instead of the local zone; JSON has them in UTC always");
  static const std::map<std::string, ColourWish> kWishes = {
      {"auto", ColourWish::automatic}, {"always", ColourWish::always}, {"never", ColourWish::never}};
  tree_
      ->add_option_function<std::string>(
          "--color", [this](const std::string& word) { options_.colour = kWishes.at(word); },
          "colours in tables: auto (on a terminal, unless NO_COLOR is set or TERM is dumb), always or never")
      ->type_name("WHEN")
      ->check([](const std::string& word) {
        return kWishes.contains(word) ? std::string() : "expected auto, always or never, found \"" + word + "\"";
      });

  add_lists({*tree_, options_, chosen_, "Look"});
  add_steering({*tree_, options_, chosen_, "Steer"});
  add_models({*tree_, options_, chosen_, "Data science"});
  add_daemon({*tree_, options_, chosen_, "Operate"});
  add_internal({*tree_, options_, chosen_, ""});
}

CommandLine::~CommandLine() = default;

}  // namespace retraind::daemon
