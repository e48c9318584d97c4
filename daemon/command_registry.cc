// Commands that ask the registry something or steer it, through the same views and functions that people use in SQL.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/ids.h"
#include "core/runs/daemons.h"
#include "core/runs/history.h"
#include "core/runs/steering.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/registry_session.h"
#include "daemon/table.h"
#include "daemon/time_option.h"

namespace retraind::daemon {
namespace {

// The list that the options ask for. A time before now counts from the registry's clock, as the rows do.
runs::Wanted wanted_rows(const Options& options, TimePoint now) {
  const auto instant = [&](const std::string& text) {
    return text.empty() ? std::nullopt : parse_time_option(text, now, options.utc);
  };
  return {.model = options.filter,
          .since = instant(options.since),
          .until = instant(options.until),
          .limit = options.limit};
}

int print_list(const Options& options, runs::Page (*read)(store::Transaction&, const runs::Wanted&)) {
  RegistrySession registry(options);
  bool known = true;
  const runs::Page page = registry.database().transact("read", [&](store::Transaction& transaction) {
    runs::Page found = read(transaction, wanted_rows(options, runs::registry_now(transaction)));
    // A name with a slip in it must not look like a model that nothing ever happened to.
    known = !options.filter || !found.rows.empty() || !runs::read_status(transaction, options.filter).rows.empty();
    return found;
  });
  if (!known) throw Error(fmt::format("there is no model \"{}\"", *options.filter), "`retraind status` lists them");
  std::fputs(options.json ? (page.json + "\n").c_str() : render_table(page, table_style(options)).c_str(), stdout);
  return kDone;
}

void require_reason(const Options& options) {
  if (options.reason.empty()) throw Error("a reason is needed: it is kept in the history", "--reason \"...\"");
}

}  // namespace

int migrate_command(const Options& options) {
  const auto settings = load_or_complain(options.config);
  if (!settings) return kInvalidConfiguration;
  store::Database database(settings->registry.conninfo, "retraind migrate");
  if (options.dry_run) {
    std::printf("%s\n", store::inspect_schema(database).sentence.c_str());
    return kDone;
  }
  const auto done = store::migrate(database, options.to_version);
  for (const std::string& name : done) std::printf("%s\n", name.c_str());
  std::printf("%s\n", done.empty()
                          ? "nothing to do: the schema is current"
                          : fmt::format("{} migrations applied to {}", done.size(), database.description()).c_str());
  return kDone;
}

int history_command(const Options& options) {
  return print_list(options, runs::read_promotions);
}

int runs_command(const Options& options) {
  return print_list(options, runs::read_runs);
}

int triggers_command(const Options& options) {
  return print_list(options, runs::read_triggers);
}

int trials_command(const Options& options) {
  return print_list(options, runs::read_trials);
}

int scorings_command(const Options& options) {
  return print_list(options, runs::read_scorings);
}

int releases_command(const Options& options) {
  return print_list(options, runs::read_releases);
}

int trigger_command(const Options& options) {
  RegistrySession registry(options);
  const std::string reason = options.reason.empty() ? "asked for at the command line" : options.reason;
  const auto answer = registry.database().transact("request run", [&](store::Transaction& transaction) {
    return runs::request_run(transaction, options.model, reason);
  });
  std::printf(options.json ? "{\"run_id\": %lld}\n" : "run %lld\n", static_cast<long long>(number(answer.run)));
  if (!options.json && !answer.sentence.empty()) std::printf("%s\n", answer.sentence.c_str());
  return kDone;
}

int approve_command(const Options& options) {
  require_reason(options);
  RegistrySession registry(options);
  const auto promotion = registry.database().transact("approve", [&](store::Transaction& transaction) {
    return runs::approve(transaction, RunId{options.run}, options.reason);
  });
  if (!promotion) {
    if (options.json) std::printf("{\"promotion_id\": null, \"run_id\": %lld}\n", static_cast<long long>(options.run));
    throw Error(fmt::format("run {} was not promoted: production has changed since it was judged", options.run),
                "it is queued, and the same candidate is judged again: see `retraind runs`, and approve it once more");
  }
  std::printf(options.json ? "{\"promotion_id\": %lld}\n" : "promotion %lld\n",
              static_cast<long long>(number(*promotion)));
  return kDone;
}

int reject_command(const Options& options) {
  require_reason(options);
  RegistrySession registry(options);
  registry.database().transact("reject", [&](store::Transaction& transaction) {
    runs::reject(transaction, RunId{options.run}, options.reason);
  });
  std::printf(options.json ? "{\"run_id\": %lld, \"state\": \"rejected\"}\n" : "run %lld rejected\n",
              static_cast<long long>(options.run));
  return kDone;
}

int cancel_command(const Options& options) {
  require_reason(options);
  RegistrySession registry(options);
  const std::string answer = registry.database().transact("cancel", [&](store::Transaction& transaction) {
    return runs::cancel(transaction, RunId{options.run}, options.reason);
  });
  if (options.json) {
    const boost::json::object said{{"run_id", options.run}, {"answer", answer}};
    std::printf("%s\n", boost::json::serialize(said).c_str());
  } else {
    std::printf("%s\n", answer.c_str());
  }
  return kDone;
}

int rollback_command(const Options& options) {
  require_reason(options);
  RegistrySession registry(options);
  const auto done = registry.database().transact("roll back", [&](store::Transaction& transaction) {
    return runs::rollback(transaction, options.model, options.reason, options.to_version);
  });
  const auto promotion = static_cast<long long>(number(done.promotion));
  if (options.json) {
    std::printf("{\"promotion_id\": %lld, \"version\": %d, \"previous_version\": %d, \"quarantined\": %s}\n", promotion,
                done.version, done.left, done.quarantined ? "true" : "false");
  } else {
    std::printf("promotion %lld: version %d of %s is in production, version %d is %s\n", promotion, done.version,
                options.model.c_str(), done.left,
                done.quarantined ? "quarantined until `retraind lift-quarantine`" : "not quarantined");
  }
  return kDone;
}

int lift_quarantine_command(const Options& options) {
  require_reason(options);
  RegistrySession registry(options);
  registry.database().transact("lift quarantine", [&](store::Transaction& transaction) {
    runs::lift_quarantine(transaction, options.model, options.version, options.reason);
  });
  std::printf(options.json ? "{\"model\": \"%s\", \"version\": %d, \"quarantined\": false}\n"
                           : "%s version %d may come into production again\n",
              options.model.c_str(), options.version);
  return kDone;
}

int pause_command(const Options& options) {
  require_reason(options);
  RegistrySession registry(options);
  registry.database().transact(
      "pause", [&](store::Transaction& transaction) { runs::pause(transaction, options.model, options.reason); });
  std::printf(options.json ? "{\"model\": \"%s\", \"state\": \"paused\"}\n" : "%s is paused\n", options.model.c_str());
  return kDone;
}

int resume_command(const Options& options) {
  RegistrySession registry(options);
  registry.database().transact("resume",
                               [&](store::Transaction& transaction) { runs::resume(transaction, options.model); });
  std::printf(options.json ? "{\"model\": \"%s\", \"state\": \"active\"}\n" : "%s is active\n", options.model.c_str());
  return kDone;
}

}  // namespace retraind::daemon
