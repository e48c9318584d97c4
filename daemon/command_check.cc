#include <fmt/format.h>

#include <cstdio>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/schema.h"
#include "core/pipeline/batch_scoring.h"
#include "core/source/number_query.h"
#include "core/source/prometheus.h"
#include "core/source/source.h"
#include "core/store/database.h"
#include "core/store/migrator.h"
#include "daemon/commands.h"
#include "daemon/http_server.h"
#include "daemon/registry_session.h"
#include "daemon/table.h"

namespace retraind::daemon {
namespace {

// What each column of a model's query is and what it is for.
runs::Page describe_model(const settings::Model& model, const settings::Source& source) {
  source::SourceReader reader(source, "retraind check");
  const auto columns = reader.describe(model.query, model.features);
  const data::Roles roles = data::assign_roles(columns, model);
  reader.plan(model.query);
  runs::Page page;
  page.columns = {"column", "type", "read as", "role"};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string role = i == roles.time ? "time" : i == roles.label ? "label" : "";
    if (std::find(roles.features.begin(), roles.features.end(), i) != roles.features.end()) role = "feature";
    if (roles.cluster == i) role += role.empty() ? "cluster" : ", cluster";
    page.rows.push_back({columns[i].name, columns[i].sql_type, std::string(data::to_text(columns[i].type)),
                         role.empty() ? std::optional<std::string>() : role});
  }
  return page;
}

// What a trigger that watches an outside number sees right now; nothing for other kinds.
std::string outside_number(const settings::Trigger& trigger, const settings::Model& model,
                           const settings::Settings& settings) {
  std::optional<double> value;
  if (const auto* query = std::get_if<settings::QueryTrigger>(&trigger.rule)) {
    const std::string& name = query->source.empty() ? model.source : query->source;
    value = source::read_number(settings.sources.at(name), query->query, "retraind check");
  } else if (const auto* prometheus = std::get_if<settings::PrometheusTrigger>(&trigger.rule)) {
    const auto sample = source::query_prometheus(prometheus->url, prometheus->query, prometheus->timeout);
    if (sample) value = sample->value;
  } else {
    return "";
  }
  return fmt::format("trigger {} sees {}\n", trigger.name, value ? format_number(*value) : "no data");
}

}  // namespace

int check_command(const Options& options) {
  const auto settings = load_or_complain(options.config, Warnings::print);
  if (!settings) return kInvalidConfiguration;
  if (options.online && !options.model.empty() && options.json) return dry_run_command(options, *settings);
  std::printf("%s: %zu sources, %zu models, no complaints\n", options.config.c_str(), settings->sources.size(),
              settings->models.size());
  if (const std::string warning = exposure_warning(settings->http.listen); !warning.empty()) {
    std::printf("warning: %s\n", warning.c_str());
  }
  if (!options.online) return kDone;
  if (!options.model.empty()) return dry_run_command(options, *settings);

  // Everything is tried, and the worst of what was found becomes the exit code.
  int worst = kDone;
  const auto attempt = [&](const std::string& what, const auto& body) {
    try {
      body();
    } catch (const Error& error) {
      std::fprintf(stderr, "%s: %s\n", what.c_str(), error.message_with_hint().c_str());
      worst = std::max(worst, dynamic_cast<const UnreachableError*>(&error) != nullptr ? kUnreachable : kFailed);
    }
  };
  attempt("registry", [&] {
    store::Database database(settings->registry.conninfo, "retraind check");
    const store::SchemaReport report = store::inspect_schema(database);
    std::printf("registry (%s): %s\n", database.description().c_str(), report.sentence.c_str());
    if (report.status != store::SchemaStatus::current) worst = std::max(worst, kFailed);
  });
  for (const auto& [name, model] : settings->models) {
    attempt("model " + name, [&] {
      const runs::Page page = describe_model(model, settings->sources.at(model.source));
      std::printf("\nmodel %s (source %s):\n%s", name.c_str(), model.source.c_str(),
                  render_table(page, table_style(options)).c_str());
    });
    if (!model.scoring.into.empty()) {
      attempt("model " + name + ", scoring", [&] {
        const std::string& source = model.scoring.source.empty() ? model.source : model.scoring.source;
        std::printf("%s\n", pipeline::check_scoring(model, settings->sources.at(source)).c_str());
      });
    }
    for (const settings::Trigger& trigger : model.triggers) {
      attempt("model " + name + ", trigger " + trigger.name,
              [&] { std::fputs(outside_number(trigger, model, *settings).c_str(), stdout); });
    }
  }
  return worst;
}

}  // namespace retraind::daemon
