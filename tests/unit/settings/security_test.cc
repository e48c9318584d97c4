// What a configuration exposes: real files with real owners and permissions, as root.
#include "core/settings/security.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tests/unit/custody/tree.h"

namespace retraind::settings {
namespace {

constexpr uid_t kBob = 1000;

class SecurityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root makes files of two users";
  }
  // The configuration with a trainer, loaded and judged. `keys` are those of [security].
  Loaded judged(const std::string& text, bool as_service, uid_t user = 0) {
    const auto file = tree.path("retraind.toml");
    if (!std::filesystem::exists(file)) tree.file("retraind.toml", 0644);
    std::ofstream(file) << text;
    Loaded loaded = load(file, "host");
    for (const Complaint& complaint : loaded.complaints) ADD_FAILURE() << complaint.text();
    judge_security(loaded, {.as_service = as_service,
                            .user = user,
                            .libpq = {.environment = [](const std::string&) { return std::nullopt; },
                                      .read_file = [](const std::string&) { return std::nullopt; },
                                      .version = 150000}});
    return loaded;
  }
  std::string lines(const std::vector<Complaint>& complaints) {
    std::string out;
    for (const Complaint& complaint : complaints) out += complaint.text() + "\n";
    const std::string prefix = tree.path("").string();
    for (auto at = out.find(prefix); at != std::string::npos; at = out.find(prefix)) out.erase(at, prefix.size());
    return out;
  }
  static std::string with_trainer(const std::string& train, const std::string& security = "",
                                  const std::string& more = "") {
    return fmt::format(R"toml([security]
{}
[registry]
conninfo = "service=r"
[source.s]
conninfo = "host=localhost"
[model.m]
source = "s"
query = "SELECT 1"
time_column = "t"
label = "y"
task = "binary"
[model.m.training]
trainer = "command"
train = ["{}", "--fast"]
predict = ["/bin/true"]
{}
)toml",
                       security, train, more);
  }

  custody::testing::Tree tree;
};

TEST_F(SecurityTest, ATrainerOfSomebodyElseIsAWarningAndRefusedAsAService) {
  const std::string train = tree.file("opt/train.py", 0755, kBob);
  const Loaded by_hand = judged(with_trainer(train), false);
  EXPECT_EQ(lines(by_hand.complaints), "");
  EXPECT_TRUE(lines(by_hand.warnings)
                  .starts_with("retraind.toml:15:9: model.m.training.train: others than root could change what the "
                               "daemon, which as a service refuses it, runs: opt/train.py belongs to user 1000; "))
      << lines(by_hand.warnings);
  const Loaded service = judged(with_trainer(train), true);
  EXPECT_TRUE(lines(service.complaints)
                  .starts_with("retraind.toml:15:9: model.m.training.train: others than root could change what the "
                               "daemon runs: opt/train.py belongs to user 1000; let root own it"))
      << lines(service.complaints);
  EXPECT_EQ(lines(service.warnings), "");
}

TEST_F(SecurityTest, ATrainerOfSomebodyElseIsRefusedAlwaysOrNeverWhereThatIsAskedFor) {
  const std::string train = tree.file("opt/train.py", 0755, kBob);
  EXPECT_EQ(judged(with_trainer(train, "root_owned_commands = \"always\""), false).complaints.size(), 1u);
  for (const bool as_service : {false, true}) {
    const Loaded never = judged(with_trainer(train, "root_owned_commands = \"never\""), as_service);
    EXPECT_EQ(lines(never.complaints) + lines(never.warnings), "");
  }
}

TEST_F(SecurityTest, EveryCommandOfAModelIsLookedAt) {
  const std::string hook = tree.file("opt/hook", 0777);
  const Loaded loaded =
      judged(with_trainer("/bin/true", "", "[model.m.release]\non_promote = [\"/bin/sh\", \"" + hook + "\"]\n"), true);
  EXPECT_NE(lines(loaded.complaints)
                .find("model.m.release.on_promote: others than root could change what the daemon "
                      "runs: opt/hook may be written by others (its mode is 0777)"),
            std::string::npos)
      << lines(loaded.complaints);
}

TEST_F(SecurityTest, AFileThatOthersCouldChangeIsAWarningAndRefusedAsAService) {
  tree.file("retraind.toml", 0666);
  const std::string expected =
      "retraind.toml: others could change what is configured here, and with it what the daemon runs: retraind.toml may "
      "be written by others (its mode is 0666)";
  EXPECT_TRUE(lines(judged(with_trainer("/bin/true"), false).warnings).starts_with(expected));
  EXPECT_TRUE(lines(judged(with_trainer("/bin/true"), true).complaints).starts_with(expected));
  tree.set("retraind.toml", 0644, kBob);
  EXPECT_EQ(judged(with_trainer("/bin/true"), true).complaints.size(), 1u);
  EXPECT_EQ(judged(with_trainer("/bin/true"), true, kBob).complaints.size(), 0u) << "the daemon's own user";
}

TEST_F(SecurityTest, AFolderThatOthersCouldPutFilesIntoIsFoundThoughItIsEmpty) {
  std::filesystem::create_directories(tree.path("models.d"));
  tree.set("models.d", 0777);
  const Loaded loaded = judged("include = [\"models.d/*.toml\"]\n" + with_trainer("/bin/true"), true);
  EXPECT_TRUE(lines(loaded.complaints)
                  .starts_with("retraind.toml:1:12: include: others could change what is configured here, and with it "
                               "what the daemon runs: models.d may be written by others (its mode is 0777)"))
      << lines(loaded.complaints);
  EXPECT_EQ(loaded.complaints.size(), 1u);
}

TEST_F(SecurityTest, AFolderForWorkThatOthersCouldChangeIsAWarningAndRefusedAsAService) {
  std::filesystem::create_directories(tree.path("state"));
  const std::string text =
      "[daemon]\nstate_dir = \"" + tree.path("state").string() + "\"\n" + with_trainer("/bin/true");
  EXPECT_EQ(judged(text, true).complaints.size(), 0u);
  tree.set("state", 0755, kBob);
  EXPECT_EQ(judged(text, true).complaints.size(), 0u) << "its owner is the daemon's user";
  tree.set("state", 0775);
  EXPECT_TRUE(lines(judged(text, false).warnings)
                  .starts_with("retraind.toml: daemon.state_dir: others could change what workers are given in state: "
                               "state may be written by others (its mode is 0775)"));
  EXPECT_EQ(judged(text, true).complaints.size(), 1u);
}

TEST_F(SecurityTest, ARemoteConnectionIsAWarningOrRefusedWhereTlsIsRequired) {
  const std::string text =
      "[security]\nrequire_tls = {}\n[registry]\nconninfo = \"host=db\"\n[source.s]\nconninfo = \"host=db "
      "sslmode=verify-full\"\n";
  const Loaded may = judged(fmt::format(fmt::runtime(text), "false"), true);
  EXPECT_EQ(lines(may.complaints), "");
  EXPECT_TRUE(lines(may.warnings)
                  .starts_with("retraind.toml:4:12: registry.conninfo: the connection to db leaves this machine, and"))
      << lines(may.warnings);
  const Loaded must = judged(fmt::format(fmt::runtime(text), "true"), false);
  EXPECT_EQ(must.complaints.size(), 1u);
  EXPECT_EQ(lines(must.warnings), "");
}

TEST_F(SecurityTest, PlainHttpToAnotherMachineIsOneToo) {
  const auto with_webhook = [](const std::string& url) {
    return with_trainer("/bin/true", "require_tls = true", "[model.m.release]\nwebhook = \"" + url + "\"\n");
  };
  EXPECT_NE(
      lines(judged(with_webhook("http://hooks.example.com:80/x"), false).complaints)
          .find("model.m.release.webhook: the connection to hooks.example.com leaves this machine, and everybody"),
      std::string::npos);
  for (const char* url :
       {"https://hooks.example.com/x", "http://localhost:8080/x", "http://[::1]:80/", "http://127.0.0.1"}) {
    EXPECT_EQ(lines(judged(with_webhook(url), false).complaints), "") << url;
  }
}

TEST_F(SecurityTest, ASecretThatOthersMayReadIsRefused) {
  const std::string pass = tree.file("pgpass", 0640);
  const std::string key = tree.file("client.key", 0640);
  const auto text = [&] { return "[registry]\nconninfo = \"host=/run passfile=" + pass + " sslkey=" + key + "\"\n"; };
  EXPECT_EQ(lines(judged(text(), false).complaints),
            "retraind.toml:2:12: registry.conninfo: the passfile pgpass is open to others (its mode is 0640) and would "
            "not be used; chmod 0600 it, and make a new secret if others could read it\n")
      << "a key of root's may be read by its group";
  tree.set("pgpass", 0600);
  EXPECT_EQ(lines(judged(text(), false).complaints), "");
  tree.set("client.key", 0644);
  EXPECT_NE(lines(judged(text(), false).complaints).find("the key client.key is open to others"), std::string::npos);
  tree.set("client.key", 0640, kBob);
  EXPECT_NE(lines(judged(text(), false).complaints).find("the key client.key is open to others"), std::string::npos);
  const std::string secret = tree.file("webhook", 0644);
  const std::string release =
      "[model.m.release]\nwebhook = \"https://h/x\"\nwebhook_secret_file = \"" + secret + "\"\n";
  EXPECT_NE(lines(judged(with_trainer("/bin/true", "", release), false).complaints)
                .find("model.m.release.webhook_secret_file: the webhook's secret webhook is open to others (its mode "
                      "is 0644)"),
            std::string::npos);
}

TEST_F(SecurityTest, AVariableThatLooksLikeASecretIsAWarningThatDoesNotRepeatIt) {
  const Loaded loaded =
      judged(with_trainer("/bin/true", "", "environment = { LANG = \"C\", Api_Token = \"hunter2\" }"), true);
  EXPECT_EQ(lines(loaded.complaints), "");
  EXPECT_NE(lines(loaded.warnings).find("model.m.training.environment: Api_Token looks like a secret"),
            std::string::npos)
      << lines(loaded.warnings);
  EXPECT_EQ(lines(loaded.warnings).find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace retraind::settings
