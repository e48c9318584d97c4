// Promotions and rollbacks reach those who serve a model, with the real binary: each at least once, in order, whatever
// fails on the way, and what fails never undoes a promotion.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "core/base/sha256.h"
#include "core/release/announcement.h"
#include "tests/e2e/world/world.h"
#include "tests/support/webhook_server.h"

namespace retraind::testing {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNewRows = R"(
[[model.m.trigger]]
on = "new_rows"
rows = 1000
every = "200ms"
backoff = "0s"
)";
constexpr const char* kShortLease = "lease_time = \"3s\"\n";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::istringstream in(read(path));
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

// An executable script; returns its path. $here is the world's folder.
fs::path script(const World& world, const std::string& name, const std::string& body) {
  const fs::path path = world.folder() / name;
  std::ofstream(path) << "#!/bin/sh\nhere=" << world.folder().string() << "\n" << body;
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

std::string release_section(const std::string& model, const std::string& keys) {
  return "[model." + model + ".release]\n" + keys;
}

bool is_alive(const std::string& pid) {
  std::ifstream status("/proc/" + pid + "/stat");
  std::string id;
  std::string name;
  std::string state;
  status >> id >> name >> state;
  return !state.empty() && state != "Z" && state != "X";
}

void make_data(World& world) {
  world.make_events();
  world.add_events(0, 2000, 0);
}

constexpr const char* kAllDelivered =
    "SELECT count(*) > 0 AND bool_and(state = 'delivered') FROM retraind.release_history";

std::string details(World& world) {
  return world.registry.text(
      "SELECT string_agg(attempt || ':' || delivered || ':' || detail, '|' ORDER BY release_id, attempt) FROM "
      "retraind.release_attempt_history");
}

TEST(Release, TellsEveryTargetOfEachPromotionAndRollbackInOrder) {
  World world;
  make_data(world);
  WebhookServer server;
  const fs::path secret = world.folder() / "secret";
  std::ofstream(secret) << "s3cret\n";
  fs::permissions(secret, fs::perms::owner_read);
  const fs::path told =
      script(world, "told",
             "cat >> $here/told.json\n"
             "env | sort | grep -v '^_=' | grep -v '^PWD=' | grep -v '^SHLVL=' | tr '\\n' ' ' >> $here/told.env\n"
             "echo >> $here/told.env\n"
             "echo \"$1|$2|$(pwd)\"\n");
  const fs::path directory = world.folder() / "serving";
  world.start(
      world.configure(World::events_model("m", "", kNewRows) +
                      release_section("m", "directory = \"" + directory.string() + "\"\non_promote = [\"" +
                                               told.string() + "\", \"$HOME; {}\", \"\"]\nwebhook = \"" + server.url() +
                                               "\"\nwebhook_secret_file = \"" + secret.string() + "\"\n")));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production WHERE model = 'm'"));
  world.add_events(2000, 2000, 1);
  ASSERT_TRUE(world.comes_true("SELECT version = 2 FROM retraind.production WHERE model = 'm'"));
  world.registry.exec("SELECT retraind.rollback('m', 'customers complain')");
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 9 AND bool_and(state = 'delivered') FROM retraind.release_history"));
  EXPECT_EQ(world.registry.text("SELECT bool_and(attempts = 1) FROM retraind.release_history"), "t") << details(world);

  // The webhook: signed, one after the other.
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 3U);
  std::string versions;
  for (const auto& request : requests) {
    const auto payload = boost::json::parse(request.body);
    versions += std::to_string(payload.at("version").as_int64()) + " ";
    EXPECT_EQ(request.headers.at("x-retraind-signature"),
              release::sign("s3cret", std::stoll(request.headers.at("x-retraind-timestamp")), request.body));
    EXPECT_EQ(request.headers.at("x-retraind-delivery"), std::to_string(payload.at("release_id").as_int64()));
    EXPECT_EQ(request.headers.at("x-retraind-attempt"), "1");
  }
  EXPECT_EQ(versions, "1 2 1 ");
  const auto last = boost::json::parse(requests.back().body);
  EXPECT_EQ(last.at("kind").as_string(), "rollback");
  EXPECT_EQ(last.at("previous_version").as_int64(), 2);
  EXPECT_EQ(last.at("reason").as_string(), "customers complain");

  // The command: the same payload on standard input, no shell, nothing of the daemon's environment.
  const auto payloads = lines_of(world.folder() / "told.json");
  const auto environments = lines_of(world.folder() / "told.env");
  ASSERT_EQ(payloads.size(), 3U);
  ASSERT_EQ(environments.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    auto by_command = boost::json::parse(payloads[i]).as_object();
    auto by_webhook = boost::json::parse(requests[i].body).as_object();
    by_command.erase("release_id");  // each target's own
    by_webhook.erase("release_id");
    EXPECT_EQ(by_command, by_webhook);
  }
  EXPECT_EQ(environments[1],
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin RETRAIND_KIND=promotion "
            "RETRAIND_MODEL=m RETRAIND_PREVIOUS_VERSION=1 RETRAIND_PROMOTION_ID=" +
                world.registry.text("SELECT promotion_id FROM retraind.promotion_history WHERE version = 2") +
                " RETRAIND_RELEASE_ID=" +
                world.registry.text("SELECT release_id FROM retraind.release_history WHERE version = 2 AND target = "
                                    "'command'") +
                " RETRAIND_RUN_ID=" + world.registry.text("SELECT run_id FROM retraind.run_history WHERE version = 2") +
                " RETRAIND_VERSION=2 ");
  EXPECT_NE(environments[0].find("RETRAIND_PREVIOUS_VERSION= "), std::string::npos) << environments[0];
  EXPECT_EQ(world.registry.text("SELECT last_detail FROM retraind.release_history WHERE target = 'command' AND version "
                                "= 2"),
            "exit code 0; it said: $HOME; {}||/");

  // The folder: both versions, whole, and the link at the one in production.
  EXPECT_EQ(fs::read_symlink(directory / "current"), "v1");
  for (const std::string version : {"v1", "v2"}) {
    const auto file = boost::json::parse(read(directory / version / "release.json"));
    for (const auto& entry : file.at("files").as_object()) {
      EXPECT_EQ(to_hex(sha256_of_file(directory / version / std::string(entry.key()))),
                std::string(entry.value().as_string()));
    }
  }
  EXPECT_EQ(boost::json::parse(read(directory / "v1/release.json")).at("kind").as_string(), "rollback");
}

TEST(Release, ACommandThatFailsIsTriedAgainUntilItWorks) {
  World world;
  make_data(world);
  const fs::path command = script(world, "twice",
                                  "echo $RETRAIND_RELEASE_ID >> $here/tries\n"
                                  "n=$(wc -l < $here/tries)\n"
                                  "echo \"try $n\"\n"
                                  "[ $n -ge 3 ] || { echo 'no luck' >&2; exit $n; }\n");
  world.start(world.configure(World::events_model("m") +
                              release_section("m", "on_promote = [\"" + command.string() + "\"]\n")));
  for (int attempt = 1; attempt <= 2; ++attempt) {
    ASSERT_TRUE(world.comes_true("SELECT count(*) = " + std::to_string(attempt) +
                                 " FROM retraind.release_attempt_history WHERE NOT delivered"));
    EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "1");
    // Not after its pause but now.
    world.registry.exec("SELECT retraind.retry_release(release_id) FROM retraind.release_history");
  }
  ASSERT_TRUE(world.comes_true(kAllDelivered));
  EXPECT_EQ(details(world), "1:false:the command " + command.string() +
                                " ended with exit code 1; it said: try 1\nno luck|2:false:the command " +
                                command.string() +
                                " ended with exit code 2; it said: try 2\nno luck|3:true:exit code 0; it said: try 3");
  const auto tries = lines_of(world.folder() / "tries");
  ASSERT_EQ(tries.size(), 3U);
  EXPECT_EQ(tries[0], tries[2]);  // a consumer can tell a repeat
}

TEST(Release, AWebhookThatFailsIsToldAgain) {
  World world;
  make_data(world);
  WebhookServer server;
  server.answer_next({.status = 500, .body = "not now"});
  const fs::path secret = world.folder() / "secret";
  std::ofstream(secret) << "s3cret\n";
  fs::permissions(secret, fs::perms::owner_read);
  world.start(world.configure(
      World::events_model("m") +
      release_section("m", "webhook = \"" + server.url() + "\"\nwebhook_secret_file = \"" + secret.string() + "\"\n")));
  ASSERT_TRUE(world.comes_true("SELECT NOT delivered FROM retraind.release_attempt_history"));
  ASSERT_TRUE(world.comes_true(kAllDelivered));  // by itself, after its pause
  EXPECT_EQ(details(world), "1:false:the webhook " + server.url().substr(0, server.url().rfind('/')) +
                                " answered with status 500: not now|2:true:status 200");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].body, requests[1].body);
  EXPECT_EQ(requests[0].headers.at("x-retraind-delivery"), requests[1].headers.at("x-retraind-delivery"));
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(requests[i].headers.at("x-retraind-attempt"), std::to_string(i + 1));
    EXPECT_EQ(requests[i].headers.at("x-retraind-signature"),
              release::sign("s3cret", std::stoll(requests[i].headers.at("x-retraind-timestamp")), requests[i].body));
  }
  EXPECT_GT(requests[1].headers.at("x-retraind-timestamp"), requests[0].headers.at("x-retraind-timestamp"));
}

TEST(Release, ADeliveryThatAKilledDaemonHadBegunIsMadeAgain) {
  World world;
  make_data(world);
  const fs::path command = script(world, "slow",
                                  "[ -e $here/pid ] && { echo again; exit 0; }\n"
                                  "echo $$ > $here/pid.new; mv $here/pid.new $here/pid\n"
                                  "exec sleep 1000\n");
  const auto config = world.configure(
      World::events_model("m") + release_section("m", "on_promote = [\"" + command.string() + "\"]\n"), kShortLease);
  DaemonProcess& first = world.start(config);
  ASSERT_TRUE(world.comes_true([&] { return fs::exists(world.folder() / "pid"); }, "the command runs"));
  const std::string pid = lines_of(world.folder() / "pid").at(0);
  ASSERT_TRUE(is_alive(pid));
  first.signal(SIGKILL);
  EXPECT_EQ(first.wait(), 128 + SIGKILL);
  // It must not announce an old version after the next daemon has announced a newer one.
  EXPECT_TRUE(world.comes_true([&] { return !is_alive(pid); }, "the command dies with its daemon"));
  EXPECT_EQ(world.registry.text("SELECT state FROM retraind.release_history"), "waiting");
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "1");

  world.start(config);
  ASSERT_TRUE(world.comes_true(kAllDelivered));
  EXPECT_EQ(details(world), "2:true:exit code 0; it said: again");
}

TEST(Release, LongDeliveriesKeepTheirLease) {
  World world;
  make_data(world);
  const fs::path command = script(world, "long",
                                  "echo begun >> $here/begun\n"
                                  "while [ ! -e $here/go ]; do sleep 0.05; done\n");
  world.start(world.configure(
      World::events_model("m") + release_section("m", "on_promote = [\"" + command.string() + "\"]\n"), kShortLease));
  ASSERT_TRUE(world.comes_true([&] { return fs::exists(world.folder() / "begun"); }, "the command runs"));
  const std::string expires = world.registry.text("SELECT lease_expires_at FROM retraind.release");
  ASSERT_TRUE(world.comes_true("SELECT lease_expires_at > '" + expires + "' AND clock_timestamp() > '" + expires +
                               "' FROM retraind.release"));
  std::ofstream(world.folder() / "go") << "";
  ASSERT_TRUE(world.comes_true(kAllDelivered));
  EXPECT_EQ(details(world), "1:true:exit code 0");
  EXPECT_EQ(lines_of(world.folder() / "begun").size(), 1U);
}

TEST(Release, StoppingBreaksADeliveryOffAndTheNextDaemonMakesIt) {
  World world;
  make_data(world);
  WebhookServer server;
  server.answer_next({.hang = true});
  const auto config =
      world.configure(World::events_model("m") + release_section("m", "webhook = \"" + server.url() + "\"\n"),
                      "drain_timeout = \"0s\"\n");
  DaemonProcess& first = world.start(config);
  ASSERT_TRUE(world.comes_true([&] { return !server.requests().empty(); }, "the webhook is told"));
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(), 0);
  const std::string said = details(world);
  EXPECT_NE(said.find("1:false:the daemon was stopped meanwhile: the request to the webhook"), std::string::npos)
      << said;
  world.start(config);
  world.registry.exec("SELECT retraind.retry_release(release_id) FROM retraind.release_history");
  ASSERT_TRUE(world.comes_true(kAllDelivered));
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST(Release, ATargetThatFailsHoldsUpNoOtherTargetAndNoOtherModel) {
  World world;
  make_data(world);
  WebhookServer server;
  const fs::path shared = world.folder() / "shared";
  fs::create_directory(shared);
  fs::permissions(shared, fs::perms::all);
  std::string other = World::events_model("n");
  world.start(world.configure(
      World::events_model("m", "", kNewRows) +
      release_section("m", "directory = \"" + shared.string() +
                               "\"\non_promote = [\"/nonexistent/command\"]\nwebhook = \"" + server.url() + "\"\n") +
      other + release_section("n", "directory = \"" + (world.folder() / "n").string() + "\"\n")));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.release_history WHERE state = 'delivered'"));
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.release_history WHERE last_error IS NOT NULL"));
  // A later promotion passes at the webhook, and waits where the one before it still does.
  world.add_events(2000, 2000, 1);
  ASSERT_TRUE(world.comes_true(
      "SELECT state = 'delivered' FROM retraind.release_history WHERE version = 2 AND target = 'webhook'"));
  EXPECT_EQ(world.registry.text("SELECT string_agg(target || ' ' || state, ', ' ORDER BY target) FROM "
                                "retraind.release_history WHERE model = 'm' AND version = 1"),
            "command waiting, directory waiting, webhook delivered");
  EXPECT_EQ(world.registry.text("SELECT string_agg(DISTINCT attempts::text, ',') FROM retraind.release_history WHERE "
                                "version = 2 AND target <> 'webhook'"),
            "0");
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production WHERE model = 'm'"), "2");
  EXPECT_EQ(fs::read_symlink(world.folder() / "n/current"), "v1");
  EXPECT_TRUE(fs::is_empty(shared));
  const std::string command = world.registry.text(
      "SELECT last_error FROM retraind.release_history WHERE model = 'm' AND version = 1 AND target = 'command'");
  EXPECT_NE(command.find("the command /nonexistent/command cannot be started: No such file or directory"),
            std::string::npos)
      << command;
  const std::string directory = world.registry.text(
      "SELECT last_error FROM retraind.release_history WHERE model = 'm' AND version = 1 AND target = 'directory'");
  EXPECT_NE(directory.find("may be written by others: its mode is 0777"), std::string::npos) << directory;

  // Mended, both come after each other.
  fs::permissions(shared, fs::perms::owner_all);
  world.registry.exec(
      "SELECT retraind.retry_release(release_id) FROM retraind.release_history WHERE model = 'm' AND version = 1 AND "
      "target = 'directory'");
  ASSERT_TRUE(
      world.comes_true("SELECT count(*) = 2 FROM retraind.release_history WHERE model = 'm' AND target = "
                       "'directory' AND state = 'delivered'"));
  EXPECT_EQ(fs::read_symlink(shared / "current"), "v2");
  EXPECT_TRUE(fs::exists(shared / "v1"));
}

TEST(Release, TwoDaemonsTellATargetInTheOrderOfTheMoves) {
  World world;
  make_data(world);
  WebhookServer server;
  const fs::path directory = world.folder() / "serving";
  const std::string models =
      World::events_model("m", "", kNewRows) +
      release_section("m", "directory = \"" + directory.string() + "\"\nwebhook = \"" + server.url() + "\"\n");
  world.start(world.configure(models));
  world.start(world.configure(models, "", "second"));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production WHERE model = 'm'"));
  world.add_events(2000, 2000, 1);
  ASSERT_TRUE(world.comes_true("SELECT version = 2 FROM retraind.production WHERE model = 'm'"));
  std::string moves = "1 2 ";
  for (int i = 0; i < 6; ++i) {
    world.registry.exec("SELECT retraind.rollback('m', 'back', 1)");
    world.registry.exec("SELECT retraind.lift_quarantine('m', 2, 'and forth')");
    world.registry.exec("SELECT retraind.rollback('m', 'and forth', 2)");
    moves += "1 2 ";
  }
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 28 AND bool_and(state = 'delivered') FROM retraind.release_history"));
  std::string told;
  std::int64_t last = 0;
  for (const auto& request : server.requests()) {
    const auto payload = boost::json::parse(request.body);
    EXPECT_GT(payload.at("release_id").as_int64(), last);
    last = payload.at("release_id").as_int64();
    told += std::to_string(payload.at("version").as_int64()) + " ";
  }
  EXPECT_EQ(told, moves);
  EXPECT_EQ(fs::read_symlink(directory / "current"), "v2");
}

TEST(Release, ACommandThatNeitherEndsNorFallsSilentIsEndedAtTheTimeout) {
  World world;
  make_data(world);
  const fs::path command = script(world, "endless",
                                  "trap '' TERM\n"
                                  "sleep 1000 &\n"
                                  "echo $! > $here/child\n"
                                  "yes retraind\n");
  world.start(world.configure(World::events_model("m") +
                              release_section("m", "on_promote = [\"" + command.string() + "\"]\ntimeout = \"5s\"\n")));
  ASSERT_TRUE(world.comes_true("SELECT NOT delivered FROM retraind.release_attempt_history"));
  const std::string said = details(world);
  EXPECT_EQ(
      said.rfind("1:false:the command " + command.string() + " took longer than 5s (release.timeout) and was ended (",
                 0),
      0U)
      << said;
  EXPECT_NE(said.find("retraind\nretraind\n"), std::string::npos);
  EXPECT_LT(said.size(), 4600U);
  const std::string child = lines_of(world.folder() / "child").at(0);
  EXPECT_TRUE(world.comes_true([&] { return !is_alive(child); }, "what it started goes with it"));
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "1");
}

TEST(Release, WhatAPersonMendsIsNoticedAtTheNextAttempt) {
  World world;
  make_data(world);
  const fs::path directory = world.folder() / "serving";
  fs::create_directory(directory);
  std::ofstream(world.folder() / "secret") << "soon readable by everybody\n";
  fs::permissions(world.folder() / "secret", fs::perms::owner_read);
  WebhookServer server;
  const auto config =
      world.configure(World::events_model("m") +
                      release_section("m", "directory = \"" + (directory / "above/models").string() +
                                               "\"\nwebhook = \"" + server.url() + "\"\nwebhook_secret_file = \"" +
                                               (world.folder() / "secret").string() + "\"\n"));
  DaemonProcess& daemon = world.start(config);
  // A file that is open to others from the start is refused with the configuration.
  ASSERT_TRUE(world.comes_true([&daemon] { return daemon.log().find(" ready: ") != std::string::npos; }, "ready"));
  fs::permissions(world.folder() / "secret", fs::perms::owner_read | fs::perms::others_read);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 2 FROM retraind.release_attempt_history WHERE NOT delivered"));
  const std::string said = details(world);
  EXPECT_NE(said.find("is not there (create it, or correct release.directory)"), std::string::npos) << said;
  EXPECT_NE(said.find("is open to others: its mode is 0404"), std::string::npos) << said;
  EXPECT_TRUE(server.requests().empty());
  // Mended on the spot, without a word to the daemon.
  fs::create_directory(directory / "above");
  fs::permissions(world.folder() / "secret", fs::perms::owner_read);
  world.registry.exec("SELECT retraind.retry_release(release_id) FROM retraind.release_history");
  ASSERT_TRUE(world.comes_true(kAllDelivered));
  EXPECT_EQ(fs::read_symlink(directory / "above/models/current"), "v1");
}

}  // namespace
}  // namespace retraind::testing
