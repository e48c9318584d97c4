#include "core/release/webhook.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "core/base/error.h"
#include "tests/support/prometheus_server.h"
#include "tests/support/webhook_server.h"

namespace retraind::release {
namespace {

using retraind::testing::WebhookServer;

Announcement example() {
  Announcement out;
  out.id = ReleaseId{17};
  out.model = "power";
  out.version = 3;
  out.artifact_sha256 = std::string(64, 'a');
  return out;
}

WebhookRequest request_to(const std::string& url) {
  WebhookRequest out;
  out.url = url;
  out.secret = "s3cret";
  out.attempt = 2;
  out.unix_seconds = 1795392000;
  out.timeout = std::chrono::seconds(20);
  return out;
}

// What went wrong, with its hint; empty when nothing did.
std::string failure_of(const WebhookRequest& request, std::stop_token stop = {}) {
  try {
    post_webhook(request, example(), std::move(stop));
  } catch (const Error& error) {
    return error.message_with_hint();
  }
  return {};
}

TEST(Webhook, PostsThePayloadWithItsSignature) {
  WebhookServer server;
  EXPECT_EQ(post_webhook(request_to(server.url()), example(), {}), "status 200");
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 1U);
  const auto& headers = requests[0].headers;
  EXPECT_EQ(requests[0].method, "POST");
  EXPECT_EQ(requests[0].path, "/hooks");
  EXPECT_EQ(requests[0].body, to_json(example()));
  EXPECT_EQ(headers.at("content-type"), "application/json");
  EXPECT_EQ(headers.at("x-retraind-delivery"), "17");
  EXPECT_EQ(headers.at("x-retraind-attempt"), "2");
  EXPECT_EQ(headers.at("x-retraind-timestamp"), "1795392000");
  EXPECT_EQ(headers.at("x-retraind-signature"), sign("s3cret", 1795392000, requests[0].body));
}

// Without its path.
std::string root_of(const std::string& url) {
  return url.substr(0, url.find('/', url.find("://") + 3));
}

TEST(Webhook, SendsNoSignatureWithoutASecret) {
  WebhookServer server;
  WebhookRequest request = request_to(server.url());
  request.secret.clear();
  EXPECT_EQ(failure_of(request), "");
  EXPECT_FALSE(server.requests().at(0).headers.contains("x-retraind-signature"));
}

TEST(Webhook, TakesEveryStatusOfSuccessAndFailsWithAnyOther) {
  WebhookServer server;
  server.answer_next({.status = 204});
  EXPECT_EQ(post_webhook(request_to(server.url()), example(), {}), "status 204");
  server.answer_next({.status = 500, .body = "out of\nfuel\x1b"});
  EXPECT_EQ(failure_of(request_to(server.url())),
            "the webhook " + root_of(server.url()) + " answered with status 500: out of fuel?");
  server.answer_next({.status = 403});
  EXPECT_EQ(failure_of(request_to(server.url())), "the webhook " + root_of(server.url()) + " answered with status 403");
}

TEST(Webhook, ShowsNoPathSinceItMayBeASecret) {
  WebhookServer server;
  server.answer_next({.status = 404, .body = "Cannot POST /hooks"});
  EXPECT_EQ(failure_of(request_to(server.url())),
            "the webhook " + root_of(server.url()) + " answered with status 404: Cannot POST /…");
}

TEST(Webhook, FollowsNoRedirect) {
  WebhookServer elsewhere;
  WebhookServer server;
  server.answer_next({.status = 307, .headers = "Location: " + elsewhere.url() + "\r\n"});
  const std::string failure = failure_of(request_to(server.url()));
  EXPECT_NE(failure.find("status 307"), std::string::npos) << failure;
  EXPECT_NE(failure.find("redirects are not followed"), std::string::npos) << failure;
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST(Webhook, AnswersOfAnyLengthCountByTheirStatus) {
  WebhookServer server;
  server.answer_next({.status = 200, .body = std::string(1 << 20, 'x')});
  EXPECT_EQ(failure_of(request_to(server.url())), "");
  server.answer_next({.status = 502, .body = std::string(1 << 20, 'x')});
  const std::string failure = failure_of(request_to(server.url()));
  EXPECT_NE(failure.find("status 502"), std::string::npos);
  EXPECT_LT(failure.size(), 400U);
}

TEST(Webhook, UsesNoProxyOfTheEnvironment) {
  WebhookServer server;
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("all_proxy", "http://127.0.0.1:1", 1);
  EXPECT_EQ(failure_of(request_to(server.url())), "");
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
}

TEST(Webhook, SaysWhenNobodyListensWithoutShowingSecretsOfTheUrl) {
  const std::string failure = failure_of(request_to(
      "http://user:geheim@127.0.0.1:" + std::to_string(retraind::testing::free_port()) + "/geheim/hook?token=geheim"));
  EXPECT_NE(failure.find("cannot be reached"), std::string::npos) << failure;
  EXPECT_EQ(failure.find("geheim"), std::string::npos) << failure;
}

TEST(Webhook, GivesUpAtTheTimeout) {
  WebhookServer server;
  server.answer_next({.hang = true});
  WebhookRequest request = request_to(server.url());
  request.timeout = std::chrono::milliseconds(100);
  EXPECT_NE(failure_of(request).find("did not answer within 100ms"), std::string::npos);
}

TEST(Webhook, IsAbandonedWhenAskedTo) {
  WebhookServer server;
  server.answer_next({.hang = true});
  std::stop_source stop;
  std::string failure;
  std::thread sender([&] { failure = failure_of(request_to(server.url()), stop.get_token()); });
  while (server.requests().empty()) std::this_thread::yield();
  stop.request_stop();
  sender.join();
  EXPECT_NE(failure.find("abandoned"), std::string::npos) << failure;
}

TEST(Webhook, RefusesOtherProtocols) {
  for (const char* url : {"file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/", "no url at all"}) {
    EXPECT_NE(failure_of(request_to(url)), "") << url;
  }
}

class Secret : public ::testing::Test {
 protected:
  Secret() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-secret-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
  }
  ~Secret() override { std::filesystem::remove_all(folder); }

  std::filesystem::path put(const std::string& text, mode_t mode = 0600) {
    const auto path = folder / "secret";
    std::ofstream(path, std::ios::binary) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  static std::string refusal(const std::filesystem::path& file) {
    try {
      read_secret(file);
    } catch (const DataError& error) {
      return error.message_with_hint();
    }
    return {};
  }

  std::filesystem::path folder;
};

TEST_F(Secret, IsTheFileWithoutTheLineBreakAtItsEnd) {
  EXPECT_EQ(read_secret(put("ab c\n")), "ab c");
  EXPECT_EQ(read_secret(put("ab c\r\n")), "ab c");
  EXPECT_EQ(read_secret(put(" x", 0440)), " x");
}

TEST_F(Secret, IsRefusedWhereOthersMayReadIt) {
  EXPECT_NE(refusal(put("abc", 0604)).find("its mode is 0604 (chmod 0600"), std::string::npos);
  EXPECT_NE(refusal(put("abc", 0620)), "");
}

TEST_F(Secret, IsRefusedWhenItIsEmptyBinaryTooLongOrNoFile) {
  EXPECT_NE(refusal(put("\n")).find("is empty"), std::string::npos);
  EXPECT_NE(refusal(put(std::string("a\0b", 3))).find("NUL"), std::string::npos);
  EXPECT_NE(refusal(put(std::string(4097, 'a'))).find("more than 4096 bytes"), std::string::npos);
  EXPECT_EQ(refusal(put(std::string(4096, 'a'))), "");
  EXPECT_NE(refusal(folder).find("no regular file"), std::string::npos);
  EXPECT_NE(refusal(folder / "nothing").find("cannot be read"), std::string::npos);
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_NE(refusal(folder / "pipe").find("no regular file"), std::string::npos);
}

}  // namespace
}  // namespace retraind::release
