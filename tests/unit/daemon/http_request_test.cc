#include "daemon/http_request.h"

#include <gtest/gtest.h>

namespace retraind::daemon {
namespace {

const AllowedHosts kHosts("10.0.0.5:9464", {"metrics.example.com", "[fd00::7]"});

HttpRequest get(const std::string& target, const std::string& host = "localhost:9464") {
  return {.method = "GET", .target = target, .hosts = {host}};
}

unsigned status_for_host(const std::string& host) {
  return decide(get("/metrics", host), kHosts).status;
}

TEST(HttpRequest, FindsEachPageWithAndWithoutAQuery) {
  EXPECT_EQ(decide(get("/"), kHosts).page, HttpPage::index);
  EXPECT_EQ(decide(get("/metrics"), kHosts).page, HttpPage::metrics);
  EXPECT_EQ(decide(get("/healthz"), kHosts).page, HttpPage::healthz);
  EXPECT_EQ(decide(get("/readyz?verbose=1"), kHosts).page, HttpPage::readyz);
}

TEST(HttpRequest, KnowsNoOtherPage) {
  for (const char* target :
       {"/metrics/", "//metrics", "/METRICS", "/metric", "/healthz/..", "/%6detrics", "/favicon.ico"}) {
    EXPECT_EQ(decide(get(target), kHosts).status, 404u) << target;
  }
}

TEST(HttpRequest, AnswersHeadAsGet) {
  HttpRequest request = get("/metrics");
  request.method = "HEAD";
  EXPECT_EQ(decide(request, kHosts).page, HttpPage::metrics);
}

TEST(HttpRequest, RefusesEveryOtherMethod) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH", "get", "BREW"}) {
    HttpRequest request = get("/metrics");
    request.method = method;
    EXPECT_EQ(decide(request, kHosts).status, 405u) << method;
  }
}

TEST(HttpRequest, ClosesAfterABodyItDoesNotRead) {
  HttpRequest request = get("/metrics");
  request.has_body = true;
  EXPECT_EQ(decide(request, kHosts).status, 400u);
  EXPECT_TRUE(decide(request, kHosts).close);
  request.method = "POST";
  EXPECT_EQ(decide(request, kHosts).status, 405u);
  EXPECT_TRUE(decide(request, kHosts).close);
}

TEST(HttpRequest, AnswersUnderTheNamesItKnowsWhateverThePort) {
  for (const char* host :
       {"localhost", "localhost:9464", "LocalHost:1", "127.0.0.1:9464", "[::1]", "[::1]:9464", "10.0.0.5:9464",
        "10.0.0.5", "metrics.example.com", "Metrics.Example.COM:443", "[fd00::7]:80"}) {
    EXPECT_EQ(status_for_host(host), 200u) << host;
  }
}

TEST(HttpRequest, AnswersUnderNoOtherName) {
  for (const char* host : {"evil.example",
                           "localhost.evil.example",
                           "evil-localhost",
                           "127.0.0.1.evil.example",
                           "127.0.0.2",
                           "metrics.example.com.",
                           "xmetrics.example.com",
                           "[::2]",
                           "::1",
                           "10.0.0.50",
                           "localhost:",
                           "localhost:x",
                           "localhost:123456",
                           "user@localhost",
                           "localhost/",
                           "",
                           " localhost",
                           "[::1",
                           "[::1]x",
                           "localhost:80:80",
                           ":9464"}) {
    EXPECT_EQ(status_for_host(host), 421u) << host;
  }
}

TEST(HttpRequest, SaysWhatToDoAboutANameAndRepeatsOnlyNames) {
  EXPECT_EQ(decide(get("/", "evil.example"), kHosts).sentence,
            "this server does not answer as \"evil.example\"; add the name to http.allowed_hosts if it should");
  const std::string script = decide(get("/", "<script>alert(1)</script>"), kHosts).sentence;
  EXPECT_EQ(script.find('<'), std::string::npos) << script;
  EXPECT_LT(decide(get("/", std::string(5000, 'a')), kHosts).sentence.size(), 200u);
}

TEST(HttpRequest, WantsExactlyOneHost) {
  HttpRequest request = get("/metrics");
  request.hosts = {};
  EXPECT_EQ(decide(request, kHosts).status, 400u);
  request.hosts = {"localhost", "localhost"};
  EXPECT_EQ(decide(request, kHosts).status, 400u);
}

TEST(HttpRequest, LooksAtTheAuthorityOfAnAbsoluteTargetInsteadOfTheHost) {
  EXPECT_EQ(decide(get("http://localhost:9464/metrics", "evil.example"), kHosts).page, HttpPage::metrics);
  EXPECT_EQ(decide(get("HTTP://[::1]", "localhost"), kHosts).page, HttpPage::index);
  EXPECT_EQ(decide(get("http://localhost?x", "localhost"), kHosts).status, 400u);
  EXPECT_EQ(decide(get("http://evil.example/metrics", "localhost"), kHosts).status, 421u);
  EXPECT_EQ(decide(get("http://localhost@evil.example/metrics", "localhost"), kHosts).status, 421u);
  EXPECT_EQ(decide(get("http:///metrics", "localhost"), kHosts).status, 421u);
}

TEST(HttpRequest, RefusesTargetsThatAreNoPath) {
  for (const char* target : {"", "*", "metrics", "https://localhost/metrics", "ftp://localhost/", "localhost:9464"}) {
    EXPECT_EQ(decide(get(target), kHosts).status, 400u) << target;
  }
}

}  // namespace
}  // namespace retraind::daemon
