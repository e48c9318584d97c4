// The command line: words to a command, errors to exit codes. Everything else happens behind daemon/commands.h.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "core/base/error.h"
#include "daemon/commands.h"

namespace {

using retraind::daemon::Options;

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 1 the operation failed; 2 wrong usage; 3 the configuration is invalid; 4 a database cannot be "
    "reached.";

void say(const retraind::Error& error) {
  std::fprintf(stderr, "retraind: %s\n", error.what());
  if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
}

// What went wrong, as an exit code; the one place where every class of error ends.
int guarded(const std::function<int()>& command) {
  try {
    return command();
  } catch (const retraind::UnreachableError& error) {
    say(error);
    return retraind::daemon::kUnreachable;
  } catch (const retraind::ConfigError& error) {
    say(error);
    return retraind::daemon::kInvalidConfiguration;
  } catch (const retraind::Error& error) {
    say(error);
    return retraind::daemon::kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "retraind: %s\n", error.what());
    return retraind::daemon::kFailed;
  }
}

}  // namespace

int main(int argc, char** argv) {
  namespace daemon = retraind::daemon;
  CLI::App app{"Continuous training on PostgreSQL: watches data, retrains, validates, promotes.", "retraind"};
  app.footer(kExitCodes);
  app.set_version_flag("--version", daemon::version());
  app.require_subcommand(1);
  app.fallthrough();

  Options options;
  options.config = "/etc/retraind/retraind.toml";
  app.add_option("-c,--config", options.config, "configuration file")
      ->envname("RETRAIND_CONFIG")
      ->capture_default_str();
  app.add_flag("--json", options.json, "print JSON instead of tables");

  std::function<int(const Options&)> chosen;
  const auto command = [&](const char* name, const char* help, int (*function)(const Options&)) {
    CLI::App* sub = app.add_subcommand(name, help);
    sub->footer(kExitCodes);
    sub->callback([&chosen, function] { chosen = function; });
    return sub;
  };
  const auto with_model = [&](CLI::App* sub) {
    sub->add_option("MODEL", options.model, "name of the model")->required();
  };
  const auto with_run = [&](CLI::App* sub) { sub->add_option("RUN", options.run, "id of the run")->required(); };
  const auto with_reason = [&](CLI::App* sub, const char* otherwise) {
    options.reason = "";
    sub->add_option("-r,--reason", options.reason, std::string("why; kept in the history") + otherwise);
  };
  const auto with_list = [&](CLI::App* sub) {
    sub->add_option("-m,--model", options.filter, "only this model");
    sub->add_option("-n,--limit", options.limit, "at most so many rows, newest first")
        ->capture_default_str()
        ->check(CLI::Range(1, 100000));
  };

  command("run", "run the daemon in the foreground", daemon::run_command);
  CLI::App* check = command("check", "say all that is wrong with the configuration", daemon::check_command);
  CLI::Option* online =
      check->add_flag("--online", options.online, "also connect, plan each query and show the columns");
  CLI::Option* dry_run =
      check
          ->add_option("--dry-run", options.model,
                       "make this model of a small sample of its newest rows, say how that went, and keep nothing; "
                       "needs no registry")
          ->type_name("MODEL")
          ->needs(online);
  check->add_option("--rows", options.sample, "about so many rows for the dry run")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{20}, std::uint64_t{1000000}))
      ->needs(dry_run);
  CLI::App* migrate = command("migrate", "bring the registry's schema to this version", daemon::migrate_command);
  migrate->add_option("--to", options.to_version,
                      "go to this schema version instead; 0 removes the schema with all history");
  migrate->add_flag("--dry-run", options.dry_run, "only say what is there and what would be done");
  CLI::App* status =
      command("status", "one line a model: production, what goes on, what is due", daemon::status_command);
  status->add_option("-m,--model", options.filter, "only this model");
  with_list(command("history", "promotions and rollbacks, newest first", daemon::history_command));
  with_list(command("runs", "runs, newest first, also the rejected and failed ones", daemon::runs_command));
  with_list(command("triggers", "decisions of triggers, newest first", daemon::triggers_command));
  with_list(
      command("trials", "shadows and bakes: two versions on the same new rows, newest first", daemon::trials_command));
  CLI::App* scorings = command("scorings", "models whose new rows are scored: where to, how far, what went wrong",
                               daemon::scorings_command);
  scorings->add_option("-m,--model", options.filter, "only this model");
  with_list(command("releases", "whom promotions were announced to, newest first", daemon::releases_command));
  CLI::App* trigger = command("trigger", "ask for a run of a model now", daemon::trigger_command);
  with_model(trigger);
  with_reason(trigger, " (default: asked for at the command line)");
  CLI::App* approve =
      command("approve", "promote the candidate of a run that awaits approval", daemon::approve_command);
  with_run(approve);
  with_reason(approve, "; needed");
  CLI::App* reject = command("reject", "turn down the candidate of a run that awaits approval", daemon::reject_command);
  with_run(reject);
  with_reason(reject, "; needed");
  CLI::App* cancel = command("cancel", "cancel an open run or a shadow", daemon::cancel_command);
  with_run(cancel);
  with_reason(cancel, "; needed");
  CLI::App* rollback = command("rollback", "put an earlier version back into production", daemon::rollback_command);
  with_model(rollback);
  with_reason(rollback, "; needed");
  rollback->add_option("--to", options.to_version,
                       "this version (default: the one most recently in production that is not quarantined)");
  CLI::App* lift = command("lift-quarantine", "let a version that was rolled back from come into production again",
                           daemon::lift_quarantine_command);
  with_model(lift);
  lift->add_option("VERSION", options.version, "the quarantined version")->required();
  with_reason(lift, "; needed");
  CLI::App* pause = command("pause", "keep a model's triggers from starting runs", daemon::pause_command);
  with_model(pause);
  with_reason(pause, "; needed");
  with_model(command("resume", "end a pause", daemon::resume_command));
  CLI::App* drift = command("drift", "check a model's columns, scores and labels for drift now", daemon::drift_command);
  with_model(drift);
  drift->add_option("-t,--trigger", options.trigger,
                    "by the rule of this drift trigger (default: the model's first, or the defaults)");
  CLI::App* reproduce =
      command("reproduce", "make a version again from the same rows, and compare", daemon::reproduce_command);
  with_model(reproduce);
  reproduce->add_option("VERSION", options.version, "the version")->required()->check(CLI::PositiveNumber);
  reproduce->add_flag("--kept", options.kept, "from the rows that were kept with it, without asking the source");
  reproduce->add_flag("--anyway", options.anyway, "train on the source's rows also where they have changed");
  reproduce->add_option("--threads", options.threads, "train with so many threads (default: as its run did)")
      ->check(CLI::Range(1, 256));
  const auto with_version = [&](CLI::App* sub) {
    sub->add_option("--version", options.version, "this version (default: the one in production)")
        ->check(CLI::PositiveNumber);
  };
  CLI::App* exporting =
      command("export", "write a version into a folder, to use it without retraind", daemon::export_command);
  with_model(exporting);
  with_version(exporting);
  exporting->add_option("-o,--out", options.out, "the folder; must not be there, or be empty")->required();
  CLI::App* predict =
      command("predict", "predict rows of a CSV file, from standard input to standard output", daemon::predict_command);
  with_model(predict);
  with_version(predict);
  predict->add_option("-i,--in", options.in, "read the rows from this file");
  predict->add_option("-o,--out", options.out, "write the predictions to this file");
  CLI::Option* keep =
      predict->add_option("-k,--keep-columns", options.keep_columns,
                          "columns of the rows that are written in front of the predictions; comma-separated");
  keep->delimiter(',');
  predict->add_flag("--with-input", options.with_input, "write all columns of the rows")->excludes(keep);
  CLI::App* worker = command("worker", "execute one run (internal)", daemon::worker_command);
  worker->group("");
  worker->add_option("--parent", options.parent)->required();
  CLI::App* look = command("look", "look at fresh rows (internal)", daemon::look_command);
  look->group("");
  look->add_option("--parent", options.parent)->required();
  CLI::App* trial = command("trial", "score two versions on new rows (internal)", daemon::trial_command);
  trial->group("");
  trial->add_option("--parent", options.parent)->required();
  CLI::App* score = command("score", "score new rows (internal)", daemon::score_command);
  score->group("");
  score->add_option("--parent", options.parent)->required();
  CLI::App* announce = command("announce", "tell a command of a release (internal)", daemon::announce_command);
  announce->group("");
  announce->add_option("--parent", options.parent)->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? daemon::kDone : daemon::kWrongUsage;
  }
  return guarded([&] { return chosen(options); });
}
