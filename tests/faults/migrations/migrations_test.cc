// Migrating a registry, when many do it at once, when one is killed in the middle, back and forth, and when the binary
// is older than the schema.
//
// Incidents of other systems that this answers: a migration lock of a session that leaked and kept every pod from
// starting (Authentik 23876, DBOS 637); a failed CREATE INDEX CONCURRENTLY whose invalid index IF NOT EXISTS then took
// for the real one (Multica 7073, pg-boss 913).

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/store/migrator.h"
#include "tests/faults/trials/trials.h"
#include "tests/support/pg_sandbox.h"

namespace retraind::testing {
namespace {

class Migrations : public ::testing::Test {
 protected:
  // Everything in the schema that can differ, as text; without pg_dump's own commands, which carry a random word.
  static std::string schema_of(const TestDatabase& database) {
    const std::string command =
        fmt::format("{}/pg_dump --schema-only --no-owner -n retraind '{}' | grep -v '^\\\\\\|^--'",
                    postgres_programs().string(), database.conninfo());
    std::string out;
    FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[256];
    while (pipe != nullptr && std::fgets(buffer, sizeof(buffer), pipe) != nullptr) out += buffer;
    if (pipe != nullptr) ::pclose(pipe);
    return out;
  }
  static std::string configure(const World& world, const TestDatabase& registry, const std::string& name) {
    const std::filesystem::path path = world.folder() / (name + ".toml");
    std::ofstream(path) << "[daemon]\nstate_dir = \"" << world.state_dir().string() << "\"\n[registry]\nconninfo = \""
                        << registry.conninfo() << "\"\n[source.data]\nconninfo = \"" << registry.conninfo() << "\"\n"
                        << World::events_model("m");
    return path;
  }
  static std::string applied(TestDatabase& database) {
    return database.text("SELECT coalesce(max(version), 0) FROM retraind.schema_version");
  }

  World world;
  const std::string fresh = schema_of(world.registry);
};

TEST_F(Migrations, TwentyAtOnceMigrateOnce) {
  Figure figure("twenty migrating at once");
  const int count = trials(1, 100);
  for (int i = 0; i < count; ++i) {
    TestDatabase registry;
    const std::string config = configure(world, registry, "twenty");
    std::vector<int> codes(20);
    const auto begun = Clock::now();
    {
      std::vector<std::jthread> threads;
      for (int& code : codes) {
        threads.emplace_back([&code, &config] {
          code = std::system(fmt::format("{} migrate --config {} >/dev/null 2>&1", RETRAIND_BINARY, config).c_str());
        });
      }
    }
    figure.add(Clock::now() - begun);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 20);
    EXPECT_EQ(schema_of(registry), fresh);
    EXPECT_EQ(registry.text("SELECT count(*) FROM retraind.schema_version"),
              registry.text("SELECT max(version) FROM retraind.schema_version"));
    EXPECT_EQ(registry.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
  }
}

TEST_F(Migrations, OneThatIsKilledInTheMiddleLeavesTheSchemaAsItWas) {
  Figure figure("kill -9 in the middle of a migration");
  const auto migrations = store::migrations();
  const int count = trials(3, 200);
  for (int i = 0; i < count; ++i) {
    TestDatabase registry;
    const std::string config = configure(world, registry, "killed");
    const auto& at = migrations[static_cast<std::size_t>(i) % migrations.size()];
    const std::string begin = fmt::format("RETRAIND_FAILPOINT='between_migrations={}|kill|1|' ", at.name);
    const int status =
        std::system(fmt::format("{}{} migrate --config {} >/dev/null 2>&1", begin, RETRAIND_BINARY, config).c_str());
    EXPECT_NE(status, 0) << at.name;
    // PostgreSQL may take a moment to see that nobody is there any more.
    EXPECT_TRUE(
        time_until([&] { return registry.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"; },
                   std::chrono::seconds(20)));
    EXPECT_EQ(registry.text("SELECT count(*) FROM pg_namespace WHERE nspname = 'retraind'"), "0") << at.name;
    EXPECT_EQ(std::system(fmt::format("{} migrate --config {} >/dev/null 2>&1", RETRAIND_BINARY, config).c_str()), 0);
    EXPECT_EQ(schema_of(registry), fresh);
    figure.count();
  }
}

TEST_F(Migrations, DownAndUpAgainIsTheSameSchema) {
  TestDatabase registry;
  store::Database database(registry.conninfo(), "retraind-test");
  store::migrate(database);
  EXPECT_EQ(schema_of(registry), fresh);
  const int last = static_cast<int>(store::migrations().size());
  for (int version = last - 1; version >= 0; --version) {
    store::migrate(database, version);
    store::migrate(database);
    EXPECT_EQ(schema_of(registry), fresh) << "down to " << version << " and up again";
  }
}

TEST_F(Migrations, AnOlderBinaryRefusesANewerSchemaAndSaysWhatToDo) {
  world.registry.exec(
      "INSERT INTO retraind.schema_version (version, name, sha256) SELECT max(version) + 1, 'of_the_future', "
      "repeat('a', "
      "64) FROM retraind.schema_version");
  const std::string config = configure(world, world.registry, "older");
  for (const char* command : {"run", "migrate", "status"}) {
    const CommandResult result = world.run({command, "--config", config});
    EXPECT_NE(result.exit_code, 0) << command;
    EXPECT_NE(result.errors.find("of_the_future"), std::string::npos) << command << ": " << result.errors;
    EXPECT_NE(result.errors.find("upgrade retraind on this machine"), std::string::npos)
        << command << ": " << result.errors;
  }
}

}  // namespace
}  // namespace retraind::testing
