// A reload is all or nothing, in memory and in the registry, whatever stands in its way.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kModels =
    "SELECT string_agg(name, ' ' ORDER BY name) FROM retraind.model WHERE removed_at IS NULL";

TEST(Reload, ChangesNothingAtAllWhenTheRegistryRefusesAPartOfIt) {
  World world;
  world.make_events();
  DaemonProcess& daemon = world.start(world.configure(World::events_model("b") + World::events_model("c")));
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), " ready: "); }, "the daemon is ready"));
  const std::string before = world.registry.text("SELECT configuration_sha256 FROM retraind.model WHERE name = 'b'");

  world.registry.exec(
      "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'z is refused'; "
      "END $$;"
      "CREATE TRIGGER refuse BEFORE INSERT ON retraind.model FOR EACH ROW WHEN (new.name = 'z') EXECUTE FUNCTION "
      "public.refuse()");
  // a and the change of b come before z, the removal of c after it.
  const std::string models =
      World::events_model("a") + World::events_model("b", "max_attempts = 2\n") + World::events_model("z");
  world.configure(models);
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), "event=reload_failed"); }, "the reload is refused"));
  EXPECT_TRUE(contains(daemon.log(), "z is refused")) << daemon.log();
  EXPECT_EQ(world.registry.text(kModels), "b c");
  EXPECT_EQ(world.registry.text("SELECT configuration_sha256 FROM retraind.model WHERE name = 'b'"), before);
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.configuration_load"), "2");
  EXPECT_FALSE(contains(daemon.log(), "model removed"));
  EXPECT_FALSE(contains(daemon.log(), "[model=a]"));

  world.registry.exec("DROP TRIGGER refuse ON retraind.model");
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), "configuration reloaded: "); }, "it is taken now"));
  EXPECT_EQ(world.registry.text(kModels), "a b z");
  EXPECT_TRUE(
      contains(daemon.log(),
               "configuration reloaded: added a, z; changed b (training.max_attempts); removed c; 0 models unchanged"))
      << daemon.log();
  // A model that is gone keeps its history.
  EXPECT_EQ(
      world.registry.text("SELECT count(*) FROM retraind.configuration_load l JOIN retraind.model m USING (model_id) "
                          "WHERE m.name = 'c'"),
      "1");
}

TEST(Reload, SaysWhatWaitsForTheNextStart) {
  World world;
  world.make_events();
  DaemonProcess& daemon = world.start(world.configure(World::events_model("m")));
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), " ready: "); }, "the daemon is ready"));
  world.set_state_dir(world.folder() / "elsewhere");
  world.configure(World::events_model("m"), "max_parallel_runs = 2\n");
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return contains(daemon.log(), "event=restart_needed"); }, "it is said"));
  EXPECT_TRUE(contains(daemon.log(), "daemon.state_dir changed, which takes effect at the next start only"))
      << daemon.log();
  EXPECT_TRUE(contains(daemon.log(), "1 model unchanged; changed daemon.state_dir, daemon.max_parallel_runs"))
      << daemon.log();
}

}  // namespace
}  // namespace retraind::testing
