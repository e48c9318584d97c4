// What is shipped for those who watch many daemons, against what these really say: the dashboard's queries against the
// schema, and the metrics that dashboard, alerts and page name against the exposition.
#include <boost/json.hpp>
#include <fstream>
#include <regex>
#include <set>

#include "tests/pg/registry/registry_scene.h"
#include "tests/unit/daemon/pages.h"

namespace retraind::daemon {
namespace {

namespace json = boost::json;

std::string contents(const std::string& file) {
  std::ifstream in(std::filesystem::path(RETRAIND_SOURCE_DIR) / file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every name of a metric of ours that stands in a text, as its family is called. Names of schema objects and of alerts
// have a dot or a capital letter.
std::set<std::string> metrics_in(const std::string& text) {
  static const std::regex name(R"((?:^|[^a-zA-Z0-9_.])((?:retraind|process)_[a-z0-9_]+)(?![a-zA-Z0-9_.*]))");
  std::set<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    std::string found = (*at)[1];
    for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
      if (found.ends_with(suffix)) found.resize(found.size() - suffix.size());
    }
    out.insert(found);
  }
  return out;
}

class DashboardTest : public testing::RegistryTest {
 protected:
  json::object dashboard = json::parse(contents("config/grafana/retraind.json")).as_object();

  // The targets of all panels.
  std::vector<json::object> targets(std::string_view kind) {
    std::vector<json::object> out;
    for (const json::value& panel : dashboard.at("panels").as_array()) {
      const json::value* list = panel.as_object().if_contains("targets");
      if (list == nullptr) continue;
      for (const json::value& target : list->as_array()) {
        if (target.at("datasource").at("type").as_string() == kind) out.push_back(target.as_object());
      }
    }
    return out;
  }

  // As Grafana's PostgreSQL data source expands them.
  static std::string expand(std::string sql, const std::string& models) {
    static const std::regex time_filter(R"(\$__timeFilter\(([a-z_.]+)\))");
    sql = std::regex_replace(sql, time_filter, "$1 BETWEEN '2020-01-01T00:00:00Z' AND '2100-01-01T00:00:00Z'");
    static const std::regex variable(R"(\$\{model:sqlstring\})");
    return std::regex_replace(sql, variable, models);
  }

  testing::TestConnection reader() {
    const std::string login = "login_" + ground.name() + "_dashboard";
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT retraind_reader TO {0}", login));
    return testing::TestConnection(ground.conninfo() + " user=" + login);
  }
};

TEST_F(DashboardTest, IsAModelThatGrafanaImports) {
  for (const char* key : {"__inputs", "panels", "templating", "time", "title", "uid", "schemaVersion", "annotations"}) {
    EXPECT_TRUE(dashboard.contains(key)) << key;
  }
  EXPECT_GE(dashboard.at("schemaVersion").as_int64(), 30);
  std::set<std::string> inputs;
  for (const json::value& input : dashboard.at("__inputs").as_array()) {
    inputs.insert("${" + std::string(input.at("name").as_string()) + "}");
    EXPECT_EQ(input.at("type").as_string(), "datasource");
  }
  std::set<std::int64_t> ids;
  std::set<std::string> titles;
  for (const json::value& panel : dashboard.at("panels").as_array()) {
    EXPECT_TRUE(ids.insert(panel.at("id").as_int64()).second) << panel.at("title").as_string();
    EXPECT_TRUE(titles.insert(std::string(panel.at("title").as_string())).second) << panel.at("title").as_string();
    const json::value& position = panel.at("gridPos");
    EXPECT_LE(position.at("x").as_int64() + position.at("w").as_int64(), 24);
    if (panel.at("type").as_string() == "row") continue;
    EXPECT_TRUE(inputs.contains(std::string(panel.at("datasource").at("uid").as_string())));
    EXPECT_FALSE(panel.at("targets").as_array().empty());
  }
  EXPECT_GE(ids.size(), 25u);
}

TEST_F(DashboardTest, LeavesNoPanelOnTopOfAnother) {
  std::set<std::pair<std::int64_t, std::int64_t>> taken;
  for (const json::value& panel : dashboard.at("panels").as_array()) {
    const json::value& at = panel.at("gridPos");
    for (std::int64_t x = 0; x < at.at("w").as_int64(); ++x) {
      for (std::int64_t y = 0; y < at.at("h").as_int64(); ++y) {
        EXPECT_TRUE(taken.insert({at.at("x").as_int64() + x, at.at("y").as_int64() + y}).second)
            << panel.at("title").as_string();
      }
    }
  }
}

TEST_F(DashboardTest, AsksWhatAReaderMayAsk) {
  const ModelId model = put();
  for (int i = 0; i < 2; ++i) run_to(RunState::promoted, model);
  run_to(RunState::shadowing, model);
  testing::TestConnection login = reader();
  std::vector<std::string> queries;
  for (const json::object& target : targets("postgres")) queries.emplace_back(target.at("rawSql").as_string());
  for (const json::value& variable : dashboard.at("templating").at("list").as_array()) {
    queries.emplace_back(variable.at("query").as_string());
  }
  for (const json::value& note : dashboard.at("annotations").at("list").as_array()) {
    queries.emplace_back(note.at("target").at("rawSql").as_string());
  }
  EXPECT_GE(queries.size(), 14u);
  int rows = 0;
  for (const std::string& query : queries) {
    const std::string sql = expand(query, "'power'");
    EXPECT_EQ(sql.find('$'), std::string::npos) << sql;
    EXPECT_NO_THROW(rows += static_cast<int>(login.rows(sql).size())) << sql;
  }
  EXPECT_GE(rows, 8);
}

TEST_F(DashboardTest, DrawsLinesFromATimeANameAndANumber) {
  testing::TestConnection login = reader();
  for (const json::object& target : targets("postgres")) {
    if (target.at("format").as_string() != "time_series") continue;
    const std::string sql = expand(std::string(target.at("rawSql").as_string()), "'power'");
    login.exec("BEGIN; CREATE TEMP TABLE answer ON COMMIT DROP AS " + sql);
    EXPECT_EQ(
        login.text("SELECT string_agg(attname || ' ' || atttypid::regtype, ', ' ORDER BY attnum) FROM pg_attribute "
                   "WHERE attrelid = 'answer'::regclass AND attnum > 0 AND attname <> 'value'"),
        "time timestamp with time zone, metric text")
        << sql;
    login.exec("ROLLBACK");
  }
}

TEST_F(DashboardTest, NamesOnlyMetricsThatAreThere) {
  const std::set<std::string> known = testing::families_of(testing::full_page());
  std::size_t named = 0;
  for (const json::object& target : targets("prometheus")) {
    for (const std::string& name : metrics_in(std::string(target.at("expr").as_string()))) {
      ++named;
      EXPECT_TRUE(known.contains(name)) << name;
    }
  }
  EXPECT_GE(named, 15u);
}

TEST(AlertRules, NameOnlyMetricsThatAreThere) {
  const std::set<std::string> known = testing::families_of(testing::full_page());
  const std::regex expression(R"(\n        expr: ([^\n]+))");
  const std::string rules = contents("config/prometheus/retraind.rules.yml");
  int alerts = 0;
  for (std::sregex_iterator at(rules.begin(), rules.end(), expression), end; at != end; ++at) {
    ++alerts;
    for (const std::string& name : metrics_in((*at)[1]))
      EXPECT_TRUE(known.contains(name)) << name << " in " << (*at)[1];
  }
  EXPECT_GE(alerts, 20);
}

TEST(AlertRules, LeadEachToASectionThatSaysWhatToDo) {
  const std::string page = contents("docs/metrics.md");
  const std::string rules = contents("config/prometheus/retraind.rules.yml");
  std::set<std::string> alerts;
  const std::regex alert(R"(- alert: (\w+))");
  for (std::sregex_iterator at(rules.begin(), rules.end(), alert), end; at != end; ++at) {
    const std::string name = (*at)[1];
    alerts.insert(name);
    EXPECT_NE(page.find("\n### " + name + "\n"), std::string::npos) << name << " has no section";
    std::string anchor = name;
    std::transform(anchor.begin(), anchor.end(), anchor.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_NE(rules.find("runbook_url: docs/metrics.md#" + anchor + "\n"), std::string::npos) << name;
  }
  const std::regex section(R"(\n### (Retraind\w+)\n)");
  for (std::sregex_iterator at(page.begin(), page.end(), section), end; at != end; ++at) {
    EXPECT_TRUE(alerts.contains((*at)[1])) << (*at)[1] << " is no alert";
  }
}

TEST(AlertRules, FireAtWhatTheyAreForAndAtNothingElse) {
  if (!std::filesystem::exists("/usr/bin/promtool")) GTEST_SKIP() << "promtool is not there";
  const std::string tree = RETRAIND_SOURCE_DIR;
  EXPECT_EQ(std::system(("promtool check rules " + tree + "/config/prometheus/retraind.rules.yml >/dev/null").c_str()),
            0);
  EXPECT_EQ(std::system(("promtool test rules " + tree + "/tests/unit/daemon/retraind.rules.test.yml").c_str()), 0);
  // Each alert has a case in which it fires.
  const std::string cases = contents("tests/unit/daemon/retraind.rules.test.yml");
  const std::string rules = contents("config/prometheus/retraind.rules.yml");
  const std::regex alert(R"(- alert: (\w+))");
  for (std::sregex_iterator at(rules.begin(), rules.end(), alert), end; at != end; ++at) {
    EXPECT_NE(cases.find("alertname: " + (*at)[1].str() + "\n        exp_alerts:\n          - exp_labels"),
              std::string::npos)
        << (*at)[1];
  }
}

// docs/metrics.md has a row for each family: "| `name` | type | labels | meaning |".
TEST(MetricsPage, ListsEachMetricWithItsTypeAndNoOther) {
  std::map<std::string, std::string> described;
  const std::string page = contents("docs/metrics.md");
  const std::regex row(R"(\n\| `((?:retraind|process)_\w+)` \| (counter|gauge|histogram) \|)");
  for (std::sregex_iterator at(page.begin(), page.end(), row), end; at != end; ++at) {
    EXPECT_TRUE(described.emplace((*at)[1], (*at)[2]).second) << (*at)[1] << " is there twice";
  }
  std::map<std::string, std::string> actual;
  std::istringstream lines(testing::full_page());
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("# TYPE ")) continue;
    const std::size_t blank = line.find(' ', 7);
    actual[line.substr(7, blank - 7)] = line.substr(blank + 1);
  }
  EXPECT_EQ(described, actual);
}

TEST(MetricsPage, IsWhatPromtoolApprovesOf) {
  if (!std::filesystem::exists("/usr/bin/promtool")) GTEST_SKIP() << "promtool is not there";
  std::FILE* promtool = ::popen("promtool check metrics", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string page = testing::full_page();
  EXPECT_EQ(std::fwrite(page.data(), 1, page.size(), promtool), page.size());
  EXPECT_EQ(::pclose(promtool), 0);
}

}  // namespace
}  // namespace retraind::daemon
