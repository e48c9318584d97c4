// `retraind drift MODEL`: the check that a drift trigger makes, now and at the terminal. It is recorded like any other,
// so the numbers on the screen are those of drift_history; it fires nothing.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <future>

#include "core/base/error.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/watch.h"
#include "core/registry/models.h"
#include "core/runs/history.h"
#include "core/runs/monitors.h"
#include "core/source/source.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/registry_session.h"
#include "daemon/table.h"
#include "daemon/work_directory.h"

namespace retraind::daemon {
namespace {

settings::DriftTrigger rule_of(const settings::Model& model, const std::string& name) {
  for (const settings::Trigger& trigger : model.triggers) {
    const auto* rule = std::get_if<settings::DriftTrigger>(&trigger.rule);
    if (rule != nullptr && (name.empty() || trigger.name == name)) return *rule;
  }
  if (!name.empty()) throw Error(fmt::format("model \"{}\" has no drift trigger \"{}\"", model.name, name));
  return {};
}

}  // namespace

int drift_command(const Options& options) {
  const auto settings = load_or_complain(options.config);
  if (!settings) return kInvalidConfiguration;
  const auto model = settings->models.find(options.model);
  if (model == settings->models.end()) {
    throw Error(fmt::format("the configuration has no model \"{}\"", options.model));
  }
  const settings::DriftTrigger rule = rule_of(model->second, options.trigger);
  settings::Source source = settings->sources.at(model->second.source);
  source.streams = options.streams.value_or(source.streams);
  // While the registry is asked: a server takes its time to begin a session.
  std::future<source::SourceReader> reader = std::async(std::launch::async, [&source, name = options.model] {
    return source::SourceReader(source, pipeline::look_name(name));
  });
  store::Database registry(settings->registry.conninfo, "retraind drift");
  store::require_current_schema(registry);

  std::optional<pipeline::LookPlan> plan;
  registry.transact("plan a look", [&](store::Transaction& transaction) {
    const auto id = registry::find_model(transaction, options.model);
    if (!id) {
      throw DataError(fmt::format("the registry does not know model \"{}\"", options.model),
                      "start the daemon with this configuration first");
    }
    plan = pipeline::plan_drift_look(transaction, *id, model->second, rule, runs::registry_now(transaction));
  });
  if (!plan) {
    throw DataError(fmt::format("model \"{}\" has nothing in production to compare with", options.model),
                    "a first run makes a version: retraind trigger " + options.model);
  }
  // Here the model is loaded by this very process: a crash harms nobody but the person at the terminal.
  const WorkDirectory folder(std::filesystem::temp_directory_path(), fmt::format("retraind-drift-{}", ::getpid()));
  if (!plan->artifact.empty()) {
    pipeline::write_durable_file(folder.path() / plan->job.artifact_file, plan->artifact);
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 0);
  const pipeline::LookResult result = pipeline::look(plan->job, source, folder.path(), reader.get());

  pipeline::DriftFinding found;
  runs::Page page;
  registry.transact("record drift check", [&](store::Transaction& transaction) {
    const TimePoint now = runs::registry_now(transaction);
    found = pipeline::conclude_drift_look(transaction, *plan, result, rule, "manual");
    page = runs::read_drift_check(transaction, runs::record_drift_check(transaction, found.check, now));
  });
  if (options.json) {
    std::printf("%s\n", page.json.c_str());
    return kDone;
  }
  std::fputs(render_table(page, table_style(options)).c_str(), stdout);
  const auto bound = [&](const std::optional<EventTime>& time) {
    return time ? format_event_time(found.check.axis, *time) : std::string("-");
  };
  std::printf("\n%s\nwindow %s to %s against production version %d\n", found.sentence.c_str(),
              bound(found.check.window_from).c_str(), bound(found.check.window_to).c_str(), found.check.version);
  return kDone;
}

}  // namespace retraind::daemon
