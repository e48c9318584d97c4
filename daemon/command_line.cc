#include "daemon/command_line.h"

#include <CLI/CLI.hpp>
#include <string>

namespace retraind::daemon {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the operation failed; 2 wrong usage; 3 the configuration is invalid; 4 a database cannot be "
    "reached.";

// Adds commands to the tree, and to commands what several of them take.
struct Builder {
  CLI::App& tree;
  Options& said;
  std::function<int(const Options&)>& chosen;

  CLI::App* command(const char* name, const char* help, int (*function)(const Options&)) const {
    CLI::App* sub = tree.add_subcommand(name, help);
    sub->footer(kExitCodes);
    sub->callback([&chosen = chosen, function] { chosen = function; });
    return sub;
  }
  void with_model(CLI::App* sub) const {
    sub->add_option("MODEL", said.model, "name of the model")->required()->type_name("MODEL");
  }
  void with_run(CLI::App* sub) const { sub->add_option("RUN", said.run, "id of the run")->required(); }
  void with_reason(CLI::App* sub, const char* otherwise) const {
    sub->add_option("-r,--reason", said.reason, std::string("why; kept in the history") + otherwise);
  }
  void with_list(CLI::App* sub) const {
    sub->add_option("-m,--model", said.filter, "only this model")->type_name("MODEL");
    sub->add_option("-n,--limit", said.limit, "at most so many rows, newest first")
        ->capture_default_str()
        ->check(CLI::Range(1, 100000));
  }
  void with_version(CLI::App* sub) const {
    sub->add_option("--version", said.version, "this version (default: the one in production)")
        ->check(CLI::PositiveNumber);
  }
};

// The daemon, its configuration and its registry.
void add_daemon(const Builder& to) {
  to.command("run", "run the daemon in the foreground", run_command);
  CLI::App* check = to.command("check", "say all that is wrong with the configuration", check_command);
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
  CLI::App* migrate = to.command("migrate", "bring the registry's schema to this version", migrate_command);
  migrate->add_option("--to", to.said.to_version,
                      "go to this schema version instead; 0 removes the schema with all history");
  migrate->add_flag("--dry-run", to.said.dry_run, "only say what is there and what would be done");
}

// What there is and what has happened.
void add_lists(const Builder& to) {
  CLI::App* status = to.command("status", "one line a model: production, what goes on, what is due", status_command);
  status->add_option("-m,--model", to.said.filter, "only this model")->type_name("MODEL");
  to.with_list(to.command("history", "promotions and rollbacks, newest first", history_command));
  to.with_list(to.command("runs", "runs, newest first, also the rejected and failed ones", runs_command));
  to.with_list(to.command("triggers", "decisions of triggers, newest first", triggers_command));
  to.with_list(
      to.command("trials", "shadows and bakes: two versions on the same new rows, newest first", trials_command));
  CLI::App* scorings =
      to.command("scorings", "models whose new rows are scored: where to, how far, what went wrong", scorings_command);
  scorings->add_option("-m,--model", to.said.filter, "only this model")->type_name("MODEL");
  to.with_list(to.command("releases", "whom promotions were announced to, newest first", releases_command));
}

// What a person decides.
void add_steering(const Builder& to) {
  CLI::App* trigger = to.command("trigger", "ask for a run of a model now", trigger_command);
  to.with_model(trigger);
  to.with_reason(trigger, " (default: asked for at the command line)");
  CLI::App* approve = to.command("approve", "promote the candidate of a run that awaits approval", approve_command);
  to.with_run(approve);
  to.with_reason(approve, "; needed");
  CLI::App* reject = to.command("reject", "turn down the candidate of a run that awaits approval", reject_command);
  to.with_run(reject);
  to.with_reason(reject, "; needed");
  CLI::App* cancel = to.command("cancel", "cancel an open run or a shadow", cancel_command);
  to.with_run(cancel);
  to.with_reason(cancel, "; needed");
  CLI::App* rollback = to.command("rollback", "put an earlier version back into production", rollback_command);
  to.with_model(rollback);
  to.with_reason(rollback, "; needed");
  rollback->add_option("--to", to.said.to_version,
                       "this version (default: the one most recently in production that is not quarantined)");
  CLI::App* lift = to.command("lift-quarantine", "let a version that was rolled back from come into production again",
                              lift_quarantine_command);
  to.with_model(lift);
  lift->add_option("VERSION", to.said.version, "the quarantined version")->required();
  to.with_reason(lift, "; needed");
  CLI::App* pause = to.command("pause", "keep a model's triggers from starting runs", pause_command);
  to.with_model(pause);
  to.with_reason(pause, "; needed");
  to.with_model(to.command("resume", "end a pause", resume_command));
}

// Looking at a model, and using it elsewhere.
void add_models(const Builder& to) {
  CLI::App* drift = to.command("drift", "check a model's columns, scores and labels for drift now", drift_command);
  to.with_model(drift);
  drift->add_option("-t,--trigger", to.said.trigger,
                    "by the rule of this drift trigger (default: the model's first, or the defaults)");
  CLI::App* reproduce =
      to.command("reproduce", "make a version again from the same rows, and compare", reproduce_command);
  to.with_model(reproduce);
  reproduce->add_option("VERSION", to.said.version, "the version")->required()->check(CLI::PositiveNumber);
  reproduce->add_flag("--kept", to.said.kept, "from the rows that were kept with it, without asking the source");
  reproduce->add_flag("--anyway", to.said.anyway, "train on the source's rows also where they have changed");
  reproduce->add_option("--threads", to.said.threads, "train with so many threads (default: as its run did)")
      ->check(CLI::Range(1, 256));
  CLI::App* exporting =
      to.command("export", "write a version into a folder, to use it without retraind", export_command);
  to.with_model(exporting);
  to.with_version(exporting);
  exporting->add_option("-o,--out", to.said.out, "the folder; must not be there, or be empty")
      ->required()
      ->type_name("DIR");
  CLI::App* predict =
      to.command("predict", "predict rows of a CSV file, from standard input to standard output", predict_command);
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
  CLI::App* worker = to.command("worker", "execute one run (internal)", worker_command);
  worker->group("");
  worker->add_option("--parent", to.said.parent)->required();
  worker->add_flag("--root-owned-commands", to.said.root_owned);
  CLI::App* look = to.command("look", "look at fresh rows (internal)", look_command);
  look->group("");
  look->add_option("--parent", to.said.parent)->required();
  look->add_flag("--root-owned-commands", to.said.root_owned);
  CLI::App* trial = to.command("trial", "score two versions on new rows (internal)", trial_command);
  trial->group("");
  trial->add_option("--parent", to.said.parent)->required();
  trial->add_flag("--root-owned-commands", to.said.root_owned);
  CLI::App* score = to.command("score", "score new rows (internal)", score_command);
  score->group("");
  score->add_option("--parent", to.said.parent)->required();
  score->add_flag("--root-owned-commands", to.said.root_owned);
  CLI::App* announce = to.command("announce", "tell a command of a release (internal)", announce_command);
  announce->group("");
  announce->add_option("--parent", to.said.parent)->required();
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

  const Builder to{*tree_, options_, chosen_};
  add_daemon(to);
  add_lists(to);
  add_steering(to);
  add_models(to);
  add_internal(to);
}

CommandLine::~CommandLine() = default;

}  // namespace retraind::daemon
