// From facts to findings: what is ok, what is a warning, and what a problem, with the values in the sentence.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/doctor/artifacts.h"
#include "core/doctor/host.h"
#include "core/doctor/schema.h"
#include "core/doctor/server.h"
#include "core/doctor/work.h"

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

namespace retraind::doctor {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// The worst finding of that name; a test failure when there is none.
Finding of(const Findings& findings, const std::string& check) {
  Finding out;
  for (const Finding& finding : findings) {
    if (finding.check == check && (out.check.empty() || finding.judgement > out.judgement)) out = finding;
  }
  EXPECT_EQ(out.check, check) << "no such finding";
  return out;
}

// Every finding names a check of the catalogue, says something, and says what to do unless all is well.
void expect_whole(const Findings& findings) {
  for (const Finding& finding : findings) {
    EXPECT_TRUE(std::ranges::any_of(catalogue(), [&](const Check& c) { return c.name == finding.check; }))
        << finding.check;
    EXPECT_FALSE(finding.sentence.empty()) << finding.check;
    EXPECT_EQ(finding.remedy.empty(), finding.judgement == Judgement::ok) << finding.check;
  }
}

ServerFacts healthy_server() {
  ServerFacts out;
  out.version_number = 150020;
  out.version = "15.20";
  out.login = "retraind_app";
  out.connections = 10;
  out.connection_limit = 97;
  out.sees_others = true;
  return out;
}

struct ServerCase {
  const char* name;
  const char* check;
  Judgement expected;
  void (*break_it)(ServerFacts&);
};

TEST(ServerJudgement, FindsWhatIsWrongWithAServerAndNothingWithAHealthyOne) {
  const Findings healthy = judge_registry_server(healthy_server());
  expect_whole(healthy);
  EXPECT_EQ(worst(healthy), Judgement::ok);
  const ServerCase cases[] = {
      {"old", "registry.version", Judgement::problem, [](ServerFacts& s) { s.version_number = 140000; }},
      {"new", "registry.version", Judgement::warning, [](ServerFacts& s) { s.version_number = 160000; }},
      {"standby", "registry.writable", Judgement::problem, [](ServerFacts& s) { s.standby = true; }},
      {"read only", "registry.writable", Judgement::problem, [](ServerFacts& s) { s.read_only = true; }},
      {"fsync", "registry.durability", Judgement::problem, [](ServerFacts& s) { s.fsync = false; }},
      {"async", "registry.durability", Judgement::warning, [](ServerFacts& s) { s.synchronous_commit = "off"; }},
      {"nobody waits", "registry.durability", Judgement::warning, [](ServerFacts& s) { s.standbys = 2; }},
      {"plain", "registry.encryption", Judgement::warning, [](ServerFacts& s) { s.local = false; }},
      {"unverified", "registry.encryption", Judgement::warning,
       [](ServerFacts& s) { s.local = false, s.encrypted = true, s.sslmode = "require"; }},
      {"verified", "registry.encryption", Judgement::ok,
       [](ServerFacts& s) { s.local = false, s.encrypted = true, s.sslmode = "verify-full"; }},
      {"full", "registry.connections", Judgement::problem, [](ServerFacts& s) { s.connections = 93; }},
      {"nearly full", "registry.connections", Judgement::warning, [](ServerFacts& s) { s.connections = 80; }},
      {"an hour", "registry.transactions", Judgement::warning, [](ServerFacts& s) { s.oldest_transaction = hours(2); }},
      {"a day", "registry.transactions", Judgement::problem, [](ServerFacts& s) { s.oldest_transaction = hours(30); }},
      {"prepared", "registry.transactions", Judgement::problem, [](ServerFacts& s) { s.oldest_prepared = hours(2); }},
      {"wraparound is near", "registry.wraparound", Judgement::problem,
       [](ServerFacts& s) { s.wraparound_age = 1500000000; }},
      {"freezing lags", "registry.wraparound", Judgement::warning,
       [](ServerFacts& s) { s.wraparound_age = 250000000; }},
      {"no autovacuum", "registry.autovacuum", Judgement::problem, [](ServerFacts& s) { s.autovacuum = false; }},
  };
  for (const ServerCase& one : cases) {
    ServerFacts server = healthy_server();
    one.break_it(server);
    const Findings findings = judge_registry_server(server);
    expect_whole(findings);
    EXPECT_EQ(of(findings, one.check).judgement, one.expected) << one.name;
  }
}

TEST(ServerJudgement, WarnsOfASourceLoginThatMayWrite) {
  ServerFacts server = healthy_server();
  EXPECT_EQ(of(judge_source_server("market", server, false), "source.login").judgement, Judgement::ok);
  server.writable_tables = 1;
  EXPECT_EQ(of(judge_source_server("market", server, false), "source.login").judgement, Judgement::warning);
  EXPECT_EQ(of(judge_source_server("market", server, true), "source.login").judgement, Judgement::ok);
  server.writable_tables = 7;
  EXPECT_CONTAINS(of(judge_source_server("market", server, true), "source.login").sentence, "7 tables");
  server.superuser = true;
  EXPECT_CONTAINS(of(judge_source_server("market", server, true), "source.login").sentence, "superuser");
}

TEST(ClockJudgement, AllowsForTheTimeThatReadingThemTook) {
  const TimePoint now{};
  EXPECT_EQ(judge_clocks("registry.clock", "a", now + seconds(2), "b", now, {}).judgement, Judgement::ok);
  EXPECT_EQ(judge_clocks("registry.clock", "a", now + seconds(3), "b", now, {}).judgement, Judgement::warning);
  EXPECT_EQ(judge_clocks("registry.clock", "a", now + seconds(3), "b", now, seconds(1)).judgement, Judgement::ok);
  const Finding finding = judge_clocks("registry.clock", "a", now, "b", now + minutes(6), {});
  EXPECT_EQ(finding.judgement, Judgement::problem);
  EXPECT_EQ(finding.sentence, "a is 6min behind b");
}

TEST(SchemaJudgement, FindsWhatIsMissingChangedDisabledInvalidOrTooMuch) {
  SchemaFacts schema;
  schema.login = "retraind_app";
  schema.tables = {{.name = "firing", .bytes = 1 << 20, .live_rows = 10, .dead_rows = 0}};
  const Findings healthy = judge_schema(schema);
  expect_whole(healthy);
  EXPECT_EQ(worst(healthy), Judgement::ok);
  schema.missing = {"index run_one_open"};
  schema.disabled_triggers = {"firing.kept"};
  schema.invalid_indexes = {"run_queue"};
  schema.unvalidated_constraints = {"run.run_says_why"};
  schema.lacking = {"INSERT on firing"};
  schema.tables[0].dead_rows = 200000;
  schema.tables[0].autovacuum = false;
  const Findings broken = judge_schema(schema);
  expect_whole(broken);
  for (const char* check : {"schema.objects", "schema.indexes", "schema.constraints", "schema.triggers",
                            "registry.login", "registry.autovacuum"}) {
    EXPECT_EQ(of(broken, check).judgement, Judgement::problem) << check;
  }
  EXPECT_CONTAINS(of(broken, "schema.triggers").sentence, "firing.kept");
  EXPECT_CONTAINS(of(broken, "registry.bloat").sentence, "200000 dead rows");
  SchemaFacts own;
  own.foreign = {"view mine"};
  EXPECT_EQ(of(judge_schema(own), "schema.objects").judgement, Judgement::warning);
  own.owner = true;
  EXPECT_EQ(of(judge_schema(own), "registry.login").judgement, Judgement::warning);
}

TEST(WorkJudgement, FindsDaemonsThatAreGoneOrDisagree) {
  WorkFacts work;
  EXPECT_EQ(of(judge_work(work), "daemons.alive").judgement, Judgement::problem);
  work.daemons = {{.instance = "a", .version = "0.1.0", .silent = seconds(3), .configuration = std::string(64, '1')}};
  const Findings healthy = judge_work(work);
  expect_whole(healthy);
  EXPECT_EQ(worst(healthy), Judgement::ok);
  work.daemons.push_back(
      {.instance = "b", .version = "0.1.0", .silent = seconds(3), .configuration = std::string(64, '2')});
  EXPECT_CONTAINS(of(judge_work(work), "daemons.agree").sentence, "b 0.1.0 (222222222222)");
  work.daemons[1].version = "0.2.0";
  EXPECT_CONTAINS(of(judge_work(work), "daemons.agree").sentence, "different versions");
  work.daemons[1].silent = hours(3);
  EXPECT_EQ(of(judge_work(work), "daemons.agree").judgement, Judgement::ok) << "the dead have no say";
  EXPECT_CONTAINS(of(judge_work(work), "daemons.alive").sentence, "b, last seen 3h ago");
  work.daemons[1].stopped = true;
  EXPECT_EQ(of(judge_work(work), "daemons.alive").judgement, Judgement::ok);
}

TEST(WorkJudgement, TellsADeliveryThatIsTriedAgainFromOneThatNeedsAPerson) {
  WorkFacts work;
  work.waiting_releases = {
      {.what = "release 4 to webhook", .model = "power", .detail = "503", .since = seconds(20), .count = 1}};
  EXPECT_EQ(of(judge_work(work), "work.releases").judgement, Judgement::warning);
  work.waiting_releases[0].count = 3;
  EXPECT_EQ(of(judge_work(work), "work.releases").judgement, Judgement::problem);
  EXPECT_CONTAINS(of(judge_work(work), "work.releases").sentence, "release 4 to webhook of model power");
}

TEST(HostJudgement, FindsAConfigurationThatOthersMayChangeOrReadAPasswordIn) {
  HostFacts host;
  host.uid = 990;
  host.files = {{.path = "/etc/retraind/retraind.toml", .there = true, .mode = 0644, .owner = 0}};
  EXPECT_EQ(worst(judge_configuration(host)), Judgement::ok);
  host.files[0].secret = true;
  EXPECT_EQ(of(judge_configuration(host), "configuration.access").judgement, Judgement::problem);
  host.files[0].mode = 0600;
  EXPECT_EQ(worst(judge_configuration(host)), Judgement::ok);
  for (const FileFacts& open : {FileFacts{.path = "x", .there = true, .mode = 0664, .owner = 0},
                                FileFacts{.path = "x", .there = true, .mode = 0644, .owner = 1000}}) {
    host.files[0] = open;
    EXPECT_EQ(of(judge_configuration(host), "configuration.access").judgement, Judgement::problem) << open.owner;
  }
  host.complaints = {"retraind.toml:3:1: unknown key"};
  EXPECT_CONTAINS(of(judge_configuration(host), "configuration.valid").sentence, "3:1");
}

HostFacts healthy_host() {
  HostFacts out;
  out.state_dir = "/var/lib/retraind";
  out.state_dir_there = out.state_dir_writable = true;
  out.state_dir_mode = 0750;
  out.free_bytes = std::uint64_t{100} << 30;
  out.free_inodes = out.inodes = 1000000;
  out.open_files = 4096;
  out.trainers = {"xgboost 1.7.4"};
  out.time_zones = "/usr/share/zoneinfo";
  return out;
}

struct HostCase {
  const char* name;
  const char* check;
  Judgement expected;
  void (*break_it)(HostFacts&);
};

TEST(HostJudgement, FindsWhatIsWrongWithAHostAndNothingWithAHealthyOne) {
  const Findings healthy = judge_host(healthy_host());
  expect_whole(healthy);
  EXPECT_EQ(worst(healthy), Judgement::ok);
  const HostCase cases[] = {
      {"no folder", "host.state_dir", Judgement::warning, [](HostFacts& h) { h.state_dir_there = false; }},
      {"open folder", "host.state_dir", Judgement::problem, [](HostFacts& h) { h.state_dir_mode = 0777; }},
      {"not writable", "host.state_dir", Judgement::warning, [](HostFacts& h) { h.state_dir_writable = false; }},
      {"full disk", "host.disk", Judgement::problem, [](HostFacts& h) { h.free_bytes = 1 << 20; }},
      {"little space", "host.disk", Judgement::warning, [](HostFacts& h) { h.free_bytes = 500 << 20; }},
      {"no inodes", "host.disk", Judgement::problem, [](HostFacts& h) { h.free_inodes = 7; }},
      {"uncounted inodes", "host.disk", Judgement::ok, [](HostFacts& h) { h.free_inodes = h.inodes = 0; }},
      {"leftovers", "host.leftovers", Judgement::warning, [](HostFacts& h) { h.leftovers = {"abc"}; }},
      {"few files", "host.open_files", Judgement::warning, [](HostFacts& h) { h.open_files = 256; }},
      {"many runs", "host.open_files", Judgement::warning,
       [](HostFacts& h) { h.open_files = 1024, h.max_parallel_runs = 64; }},
      {"no trainer", "host.trainer", Judgement::problem,
       [](HostFacts& h) { h.missing_trainers = {"model power: no"}; }},
      {"no zones", "host.time_zones", Judgement::problem, [](HostFacts& h) { h.time_zone_fault = "no"; }},
      {"bare cage", "host.cage", Judgement::warning, [](HostFacts& h) { h.commands = true; }},
      {"no cage", "host.cage", Judgement::problem, [](HostFacts& h) { h.commands = true, h.cage_fault = "no"; }},
      {"root unit", "host.unit", Judgement::problem,
       [](HostFacts& h) { h.unit = HostFacts::Unit{.installed = true, .runs_as_root = true}; }},
      {"loose unit", "host.unit", Judgement::warning,
       [](HostFacts& h) { h.unit = HostFacts::Unit{.installed = true, .active = true}; }},
  };
  for (const HostCase& one : cases) {
    HostFacts host = healthy_host();
    one.break_it(host);
    const Findings findings = judge_host(host);
    expect_whole(findings);
    EXPECT_EQ(of(findings, one.check).judgement, one.expected) << one.name;
  }
}

TEST(Findings, AreAListOfObjectsInJson) {
  EXPECT_EQ(to_json({problem("host.disk", "7 \"B\" free", "make room")}),
            R"([{"check":"host.disk","judgement":"problem","sentence":"7 \"B\" free","remedy":"make room"}])");
  EXPECT_EQ(listed({"a", "b", "c"}), "a, b and c");
  EXPECT_EQ(listed({"a", "b", "c"}, 2), "a, b and 1 more");
  EXPECT_EQ(worst({}), Judgement::ok);
}

}  // namespace
}  // namespace retraind::doctor
