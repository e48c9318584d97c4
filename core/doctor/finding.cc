#include "core/doctor/finding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace retraind {
namespace {

constexpr std::array<std::string_view, 3> kJudgements = {"ok", "warning", "problem"};
static_assert(static_cast<std::size_t>(doctor::Judgement::problem) + 1 == kJudgements.size());

}  // namespace

template <>
std::span<const std::string_view> words_of<doctor::Judgement>() {
  return kJudgements;
}

namespace doctor {
namespace {

constexpr auto kCatalogue = std::to_array<Check>({
    {"configuration.valid", "the files hold no complaint"},
    {"configuration.access", "nobody but root and the daemon's user may change the file, or read a secret in it"},
    {"registry.reachable", "the registry answers"},
    {"registry.version", "PostgreSQL is a version that retraind is tested with"},
    {"registry.writable", "the server is no standby, and its transactions may write"},
    {"registry.durability", "what is acknowledged survives a crash and a failover"},
    {"registry.encryption", "a connection to another host is encrypted, and knows whom it talks to"},
    {"registry.clock", "the clocks of this host and of the registry agree"},
    {"registry.connections", "the server has connections left"},
    {"registry.transactions", "no transaction is so old that nothing can be vacuumed"},
    {"registry.wraparound", "transaction ids are far from running out"},
    {"registry.autovacuum", "autovacuum is on, for the server and for each table"},
    {"registry.size", "how large the registry is, and its largest tables"},
    {"registry.bloat", "dead rows are vacuumed away"},
    {"registry.login", "the login has the rights of a daemon, and no more"},
    {"schema.version", "every migration of this binary is applied, and no other"},
    {"schema.objects", "tables, indexes, constraints, triggers, functions and views are as the migrations made them"},
    {"schema.indexes", "every index is valid"},
    {"schema.constraints", "every constraint is validated"},
    {"schema.triggers", "every trigger is enabled: they are what keeps history"},
    {"daemons.alive", "a daemon works on this registry"},
    {"daemons.agree", "the daemons are of one version and have the same models"},
    {"daemons.retention", "the daemons want the same to be kept"},
    {"work.leases", "no run stays with a daemon that is gone"},
    {"work.overdue", "what is due is looked at"},
    {"work.runs", "no run has been open for very long"},
    {"work.failures", "no model fails run after run"},
    {"work.releases", "promotions reach whom they are announced to"},
    {"work.scorings", "new rows are scored"},
    {"work.alerts", "no alert stands"},
    {"artifacts.bytes", "the bytes of every version are there and have their sha256"},
    {"source.reachable", "each source answers"},
    {"source.login", "the login of each source may not write there"},
    {"source.timeout", "no statement at a source may take for ever"},
    {"source.encryption", "a connection to another host is encrypted, and knows whom it talks to"},
    {"source.clock", "the clocks of each source and of the registry agree"},
    {"host.state_dir", "state_dir is there, private and writable"},
    {"host.disk", "its file system has room, and inodes"},
    {"host.leftovers", "no daemon that is gone left a folder there"},
    {"host.open_files", "enough files may be open"},
    {"host.trainer", "the trainers that the models name can be started"},
    {"host.time_zones", "the system's database of time zones is there"},
    {"host.cage", "what holds a trainer of your own on this machine"},
    {"host.unit", "the systemd unit, where there is one, restarts and confines the daemon"},
});

}  // namespace

std::span<const Check> catalogue() {
  return kCatalogue;
}

Finding ok(std::string_view check, std::string sentence) {
  return {.check = std::string(check), .judgement = Judgement::ok, .sentence = std::move(sentence)};
}

Finding warning(std::string_view check, std::string sentence, std::string remedy) {
  return {.check = std::string(check),
          .judgement = Judgement::warning,
          .sentence = std::move(sentence),
          .remedy = std::move(remedy)};
}

Finding problem(std::string_view check, std::string sentence, std::string remedy) {
  return {.check = std::string(check),
          .judgement = Judgement::problem,
          .sentence = std::move(sentence),
          .remedy = std::move(remedy)};
}

Judgement worst(const Findings& findings) {
  Judgement out = Judgement::ok;
  for (const Finding& finding : findings) out = std::max(out, finding.judgement);
  return out;
}

std::string to_json(const Findings& findings) {
  boost::json::array out;
  for (const Finding& finding : findings) {
    boost::json::object one;
    one["check"] = finding.check;
    one["judgement"] = std::string(to_text(finding.judgement));
    one["sentence"] = finding.sentence;
    one["remedy"] = finding.remedy;
    out.push_back(std::move(one));
  }
  return boost::json::serialize(out);
}

std::string listed(const std::vector<std::string>& names, std::size_t limit) {
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < limit; ++i) {
    const bool last = i + 1 == names.size();
    out += (out.empty() ? "" : last ? " and " : ", ") + names[i];
  }
  if (names.size() > limit) out += fmt::format(" and {} more", names.size() - limit);
  return out;
}

}  // namespace doctor
}  // namespace retraind
