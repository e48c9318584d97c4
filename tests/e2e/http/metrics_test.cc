// Real daemons, scraped by Debian's real Prometheus, with the rules that are shipped.
#include <signal.h>

#include <boost/json.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "tests/e2e/http/daemon_page.h"
#include "tests/support/pg_sandbox.h"

namespace retraind::testing {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

// Percent-encodes all that is not a letter or a digit.
std::string encoded(const std::string& text) {
  std::string out;
  for (const unsigned char c : text)
    out += std::isalnum(c) != 0 ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
  return out;
}

// The one value of a PromQL query; NaN when there is none or several.
double ask(const PrometheusServer& prometheus, const std::string& query) {
  const auto reply = http_get(prometheus.port(), "/api/v1/query?query=" + encoded(query));
  if (!reply || reply->status != 200) return std::nan("");
  const json::value answer = json::parse(reply->body);
  const json::array& found = answer.at("data").at("result").as_array();
  if (found.size() != 1) return std::nan("");
  return std::strtod(found[0].at("value").as_array().at(1).as_string().c_str(), nullptr);
}

// Alerts that fire, by name.
std::set<std::string> firing(const PrometheusServer& prometheus) {
  std::set<std::string> out;
  const auto reply = http_get(prometheus.port(), "/api/v1/alerts");
  if (!reply || reply->status != 200) return out;
  const json::value answer = json::parse(reply->body);
  for (const json::value& alert : answer.at("data").at("alerts").as_array()) {
    if (alert.at("state").as_string() == "firing") out.emplace(alert.at("labels").at("alertname").as_string());
  }
  return out;
}

// The rules as they are shipped, but for their patience: alerts wait a second where they wait minutes.
std::filesystem::path impatient_rules(const std::filesystem::path& folder) {
  std::ifstream in(std::filesystem::path(RETRAIND_SOURCE_DIR) / "config/prometheus/retraind.rules.yml");
  const std::string rules{std::istreambuf_iterator<char>(in), {}};
  const std::filesystem::path out = folder / "rules.yml";
  std::ofstream(out) << std::regex_replace(rules, std::regex("        for: \\d+[mhd]\n"), "        for: 1s\n");
  return out;
}

std::string scraping(std::uint16_t port, const std::filesystem::path& rules) {
  return fmt::format(
      "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  evaluation_interval: 500ms\nrule_files: ['{}']\n"
      "scrape_configs:\n  - job_name: retraind\n    static_configs:\n      - targets: ['127.0.0.1:{}']\n",
      rules.string(), port);
}

TEST(Metrics, SayInARealPrometheusWhatHappened) {
  if (!PrometheusServer::available()) GTEST_SKIP() << "prometheus is not there";
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const std::uint16_t port = free_port();
  world.set_http_listen(fmt::format("127.0.0.1:{}", port));
  DaemonProcess& daemon = world.start(world.configure(World::events_model("m", "", R"(
[[model.m.trigger]]
name = "nightly"
on = "schedule"
cron = "0 3 * * *"

[[model.m.trigger]]
name = "moved"
on = "drift"
every = "1s"
window = "1d"
score = false
)")));
  PrometheusServer prometheus(scraping(port, impatient_rules(world.folder())));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production WHERE model = 'm'"));
  const auto comes_to = [&](const std::string& query, double value) {
    return world.comes_true([&] { return ask(prometheus, query) == value; }, fmt::format("{} is {}", query, value));
  };
  EXPECT_TRUE(comes_to("up{job=\"retraind\"}", 1));
  EXPECT_TRUE(comes_to("retraind_ready", 1));
  EXPECT_TRUE(comes_to("retraind_model_production_version{model=\"m\"}", 1));
  EXPECT_TRUE(comes_to("retraind_model_promotions_total{model=\"m\",kind=\"promotion\"}", 1));
  EXPECT_TRUE(comes_to("retraind_run_attempts_ended_total{outcome=\"promoted\"}", 1));
  EXPECT_TRUE(comes_to("retraind_runs_in_hand", 0));
  EXPECT_TRUE(comes_to("retraind_source_read_rows_total{reader=\"run\"}", 2000));
  EXPECT_TRUE(comes_to("sum(retraind_step_duration_seconds_count)", 5));
  EXPECT_TRUE(comes_to("retraind_trigger_decisions_total{kind=\"pipeline_change\",decision=\"fired\"}", 1));
  EXPECT_TRUE(comes_to("retraind_model_schedule_seconds{model=\"m\"}", 86400));
  EXPECT_TRUE(comes_to("retraind_registry_daemons", 1));
  EXPECT_TRUE(comes_to("retraind_models_configured", 1));
  EXPECT_TRUE(comes_to("retraind_registry_models{state=\"active\"}", 1));

  // Rows like those before, which are no drift: the check is told, and its ratio is what SQL says.
  world.add_events(2000, 1000, 0);
  ASSERT_TRUE(world.comes_true("SELECT count(*) > 0 FROM retraind.drift_history WHERE rows >= 1000"));
  EXPECT_TRUE(world.comes_true(
      [&] {
        const std::string ratio = world.registry.text(
            "SELECT coalesce(max(effect / threshold), -1) FROM retraind.drift_history WHERE verdict <> "
            "'insufficient_data' "
            "AND role <> 'time' AND check_id = (SELECT max(check_id) FROM retraind.drift_history)");
        return std::abs(ask(prometheus, "retraind_model_drift_ratio{model=\"m\"}") -
                        std::strtod(ratio.c_str(), nullptr)) < 1e-9;
      },
      "the drift ratio of SQL"));
  EXPECT_TRUE(
      world.comes_true([&] { return ask(prometheus, "retraind_source_read_rows_total{reader=\"look\"}") >= 1000; },
                       "rows of looks are counted"));

  // The page itself is what promtool approves of.
  const auto page = http_get(port, "/metrics");
  ASSERT_TRUE(page);
  std::ofstream(world.folder() / "page.txt") << page->body;
  EXPECT_EQ(std::system(("promtool check metrics < " + (world.folder() / "page.txt").string()).c_str()), 0);
  EXPECT_EQ(firing(prometheus).count("RetraindNotReady"), 0u);
  EXPECT_EQ(firing(prometheus).count("RetraindDown"), 0u);

  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
  EXPECT_TRUE(world.comes_true([&] { return firing(prometheus).contains("RetraindDown"); }, "RetraindDown fires"));
}

TEST(Metrics, RaiseAnAlertWhenTheRegistryGoesAndEndItWhenItIsBack) {
  if (!PrometheusServer::available()) GTEST_SKIP() << "prometheus is not there";
  World world;
  PgSandbox cluster;
  const std::uint16_t port = free_port();
  const std::filesystem::path config = world.folder() / "own.toml";
  std::ofstream(config) << fmt::format(
      "[daemon]\ninstance = \"own\"\nstate_dir = \"{}\"\npoll_interval = \"200ms\"\n[http]\nlisten = \"127.0.0.1:{}\"\n"
      "[registry]\nconninfo = \"{}\"\n",
      world.state_dir().string(), port, cluster.conninfo());
  ASSERT_EQ(world.run({"migrate", "--config", config.string()}).exit_code, 0);
  // A daemon that starts while the registry is away answers, and says so.
  cluster.stop();
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true([&] { return status_of(port, "/readyz") == 503; }, "not ready yet"));
  EXPECT_EQ(status_of(port, "/healthz"), 200);
  EXPECT_EQ(http_get(port, "/readyz")->body,
            "the registry has not taken the configuration yet; the log says what it waits for\n");
  EXPECT_EQ(metric(port, "retraind_ready"), 0);
  cluster.start();
  ASSERT_TRUE(world.comes_true([&] { return status_of(port, "/readyz") == 200; }, "ready"));

  PrometheusServer prometheus(scraping(port, impatient_rules(world.folder())));
  ASSERT_TRUE(world.comes_true([&] { return ask(prometheus, "retraind_ready") == 1; }, "scraped"));
  EXPECT_FALSE(firing(prometheus).contains("RetraindNotReady"));
  cluster.stop();
  // Three renewals and ten seconds later.
  EXPECT_TRUE(
      world.comes_true([&] { return firing(prometheus).contains("RetraindNotReady"); }, "RetraindNotReady fires", 90s));
  EXPECT_TRUE(world.comes_true([&] { return firing(prometheus).contains("RetraindRegistryErrors"); },
                               "RetraindRegistryErrors fires"));
  EXPECT_EQ(ask(prometheus, "up{job=\"retraind\"}"), 1);
  EXPECT_EQ(status_of(port, "/healthz"), 200);
  EXPECT_GT(metric(port, "retraind_registry_errors_total{class=\"unreachable\"}"), 0);
  EXPECT_EQ(metric(port, "retraind_registry_read_successful"), 0);
  cluster.start();
  EXPECT_TRUE(world.comes_true([&] { return !firing(prometheus).contains("RetraindNotReady"); }, "it is over", 60s));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

}  // namespace
}  // namespace retraind::testing
