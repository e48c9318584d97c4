// The HTTP server of the real daemon, and what clients that mean no good can do to it.
#include <signal.h>

#include "tests/e2e/http/daemon_page.h"

namespace retraind::testing {
namespace {

using namespace std::chrono_literals;

// One daemon for all: what one client does must not be felt by the next.
class Http : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    port = free_port();
    world = new World;
    world->make_events();
    world->set_http_listen(fmt::format("127.0.0.1:{}", port));
    daemon = &world->start(world->configure(World::events_model("m")));
    ASSERT_TRUE(world->comes_true([] { return status_of(port, "/readyz") == 200; }, "the daemon is ready"));
  }
  static void TearDownTestSuite() {
    daemon->signal(SIGTERM);
    EXPECT_EQ(daemon->wait(), 0) << daemon->log();
    EXPECT_EQ(daemon->log().find("broken off"), std::string::npos) << daemon->log();
    delete world;
  }
  // A moment later, perhaps: the last clients of a test may still be on their way out.
  void TearDown() override {
    EXPECT_TRUE(world->comes_true([] { return status_of(port, "/healthz") == 200; }, "there is room for a client"));
  }

  // The answer to these bytes on a connection of their own; status 0: none.
  static HttpReply answer(const std::string& bytes, bool head_only = false) {
    HttpClient client(port);
    client.send(bytes);
    return client.reply(30s, head_only).value_or(HttpReply{});
  }

  static World* world;
  static DaemonProcess* daemon;
  static std::uint16_t port;
};
World* Http::world = nullptr;
DaemonProcess* Http::daemon = nullptr;
std::uint16_t Http::port = 0;

TEST_F(Http, HasThreePagesAndOneThatListsThem) {
  const HttpReply index = answer("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(index.status, 200);
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    EXPECT_NE(index.body.find(path), std::string::npos);
    EXPECT_EQ(status_of(port, path), 200) << path;
  }
  EXPECT_EQ(answer("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").body, "alive: the loops make progress\n");
  const HttpReply metrics = answer("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_NE(metrics.head.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), std::string::npos);
  EXPECT_NE(metrics.head.find("X-Content-Type-Options: nosniff\r\n"), std::string::npos);
  EXPECT_EQ(status_of(port, "/config"), 404);
}

TEST_F(Http, AnswersHeadWithoutABody) {
  HttpClient client(port);
  client.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto head = client.reply(30s, true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_NE(head->head.find("Content-Length: 31\r\n"), std::string::npos) << head->head;
  const auto next = client.reply();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body.size(), 31u);
}

TEST_F(Http, RefusesToChangeAnything) {
  const HttpReply post = answer("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(post.status, 405);
  EXPECT_NE(post.head.find("Allow: GET, HEAD\r\n"), std::string::npos) << post.head;
  EXPECT_NE(post.head.find("Connection: close\r\n"), std::string::npos) << post.head;
  EXPECT_EQ(answer("DELETE / HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 405);
  EXPECT_EQ(answer("BREW /coffee HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 405);
  EXPECT_EQ(answer("GET /metrics HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").status,
            400);
}

TEST_F(Http, AnswersUnderItsOwnNamesOnly) {
  EXPECT_EQ(answer("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 421);
  EXPECT_EQ(answer("GET /metrics HTTP/1.1\r\n\r\n").status, 400);
  EXPECT_EQ(answer("GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n").status, 400);
  EXPECT_EQ(answer(fmt::format("GET http://127.0.0.1:{}/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n", port)).status,
            200);
  EXPECT_EQ(answer("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 421);
}

TEST_F(Http, RefusesAHeadThatIsTooLarge) {
  EXPECT_EQ(
      answer("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Fill: " + std::string(64 * 1024, 'x') + "\r\n\r\n").status,
      431);
  EXPECT_EQ(answer("GET /" + std::string(64 * 1024, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 431);
  std::string many = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 2000; ++i) many += "A: b\r\n";
  EXPECT_EQ(answer(many + "\r\n").status, 431);
}

TEST_F(Http, SaysThatItDoesNotUnderstandWhatIsNoRequest) {
  for (const char* bytes :
       {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03 TLS\r\n\r\n", "HELO there\r\n\r\n", "GET /metrics\r\n\r\n",
        "GET /metrics HTTP/9.9\r\n\r\n", "GET  /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost localhost\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n"}) {
    EXPECT_EQ(answer(bytes).status, 400) << bytes;
  }
}

TEST_F(Http, CutsASlowHeadOff) {
  HttpClient client(port);
  const auto began = std::chrono::steady_clock::now();
  client.send("GET /metrics HTTP/1.1\r\nHost: loc");
  std::optional<HttpReply> reply;
  // A byte now and then must not lengthen it.
  while (!reply && std::chrono::steady_clock::now() - began < 40s) {
    client.send("a");
    reply = client.reply(1s);
  }
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 408);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 9s);
  EXPECT_TRUE(client.is_closed_within(10s));
}

TEST_F(Http, ForgetsAClientThatGoesInTheMiddleOfARequest) {
  for (int i = 0; i < 100; ++i) {
    HttpClient client(port);
    client.send("GET /metrics HTTP/1.1\r\nHo");
  }
  EXPECT_TRUE(world->comes_true([] { return metric(port, "retraind_http_connections") <= 2; }, "they are forgotten"));
}

TEST_F(Http, AnswersPipelinedRequestsInOrder) {
  HttpClient client(port);
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", i % 2 == 0 ? "/healthz" : "/nothing");
  }
  client.send(requests);
  for (int i = 0; i < 20; ++i) {
    const auto reply = client.reply();
    ASSERT_TRUE(reply) << i;
    EXPECT_EQ(reply->status, i % 2 == 0 ? 200 : 404) << i;
  }
}

TEST_F(Http, KeepsAConnectionAsLongAsTheClientWants) {
  HttpClient kept(port);
  for (int i = 0; i < 5; ++i) {
    kept.send("GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    ASSERT_EQ(kept.reply().value_or(HttpReply{}).status, 200);
  }
  HttpClient old(port);
  old.send("GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(old.reply().value_or(HttpReply{}).status, 200);
  EXPECT_TRUE(old.is_closed_within(10s));
}

TEST_F(Http, MakesRoomForAHundredConnectionsThatSayNothing) {
  std::vector<HttpClient> clients;
  for (int i = 0; i < 100; ++i) clients.emplace_back(port);
  EXPECT_EQ(status_of(port, "/healthz"), 200);
  // The page is made once a second at most.
  double open = 0;
  EXPECT_TRUE(world->comes_true([&open] { return (open = metric(port, "retraind_http_connections")) >= 10; },
                                "they are counted"));
  EXPECT_LE(open, 32);
  // The oldest had to go, the newest are still there.
  EXPECT_TRUE(clients.front().is_closed_within(10s));
  clients.back().send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(clients.back().reply().value_or(HttpReply{}).status, 200);
}

TEST_F(Http, AnswersAHundredClientsAtOnce) {
  std::vector<HttpClient> clients;
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    clients.emplace_back(port);
    clients.back().send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }
  // Who came while 32 were being answered may have been sent away; everybody hears something or is cut off.
  for (HttpClient& client : clients) {
    const auto reply = client.reply();
    const int status = reply ? reply->status : 503;
    EXPECT_TRUE(status == 200 || status == 503) << status;
    answered += status == 200;
  }
  EXPECT_GE(answered, 32);
}

TEST_F(Http, RefusesTheNextWhenAllAreBusy) {
  std::vector<HttpClient> busy;
  for (int i = 0; i < 32; ++i) {
    busy.emplace_back(port);
    ASSERT_TRUE(busy.back().send("GET /metrics HTTP/1.1\r\nHo"));
  }
  // One whose bytes were not read yet was idle, and had to make room for the next: another takes its place.
  ASSERT_TRUE(world->comes_true(
      [&busy] {
        HttpClient next(port);
        const auto reply = next.reply(1s);
        if (reply && reply->status == 503) return true;
        busy.emplace_back(port);
        busy.back().send("GET /metrics HTTP/1.1\r\nHo");
        return false;
      },
      "the next is refused"));
  busy.clear();
  ASSERT_TRUE(world->comes_true([] { return status_of(port, "/healthz") == 200; }, "there is room again"));
  EXPECT_TRUE(world->comes_true([] { return metric(port, "retraind_http_connections_refused_total") >= 1; },
                                "the refusal is counted"));
}

TEST(HttpListening, WorksOnWithoutAPortAndTakesItWhenItIsFree) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const std::uint16_t port = free_port();
  world.set_http_listen(fmt::format("127.0.0.1:{}", port));
  DaemonProcess& first = world.start(world.configure(World::events_model("m"), "", "first"));
  ASSERT_TRUE(world.comes_true([&] { return status_of(port, "/readyz") == 200; }, "the first is ready"));
  DaemonProcess& second = world.start(world.configure(World::events_model("m"), "", "second"));
  ASSERT_TRUE(
      world.comes_true([&] { return second.log().find("cannot listen on") != std::string::npos; }, "it says so"));
  // It works all the same: the first is gone, and the second trains.
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(), 0);
  EXPECT_TRUE(world.comes_true("SELECT version >= 1 FROM retraind.production"));
  second.signal(SIGHUP);
  EXPECT_TRUE(world.comes_true([&] { return status_of(port, "/readyz") == 200; }, "the second has the port", 30s));
  second.signal(SIGTERM);
  EXPECT_EQ(second.wait(), 0);
}

TEST(HttpListening, MovesToAnotherAddressAtReload) {
  World world;
  world.make_events();
  const std::uint16_t before = free_port();
  world.set_http_listen(fmt::format("127.0.0.1:{}", before));
  const auto config = world.configure(World::events_model("m"));
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true([&] { return status_of(before, "/readyz") == 200; }, "ready"));
  const std::uint16_t after = free_port();
  world.set_http_listen(fmt::format("127.0.0.1:{}", after));
  world.configure(World::events_model("m"));
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return status_of(after, "/readyz") == 200; }, "it has moved"));
  EXPECT_EQ(status_of(before, "/readyz"), 0);
  world.set_http_listen("");
  world.configure(World::events_model("m"));
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true([&] { return status_of(after, "/readyz") == 0; }, "it is turned off"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

TEST(HttpListening, IsWarnedOfWhereOthersMayReachIt) {
  World world;
  world.make_events();
  world.set_http_listen(fmt::format("0.0.0.0:{}", free_port()));
  const auto config = world.configure(World::events_model("m"));
  const CommandResult checked = world.run({"check", "--config", config.string()});
  EXPECT_EQ(checked.exit_code, 0);
  EXPECT_NE(checked.output.find("warning: the HTTP server listens on 0.0.0.0:"), std::string::npos) << checked.output;
  DaemonProcess& daemon = world.start(config);
  EXPECT_TRUE(
      world.comes_true([&] { return daemon.log().find("asks for no password") != std::string::npos; }, "warned"));
}

TEST(HttpListening, TellsOnThePageWhatBecameOfAReload) {
  World world;
  world.make_events();
  const std::uint16_t port = free_port();
  world.set_http_listen(fmt::format("127.0.0.1:{}", port));
  const auto config = world.configure(World::events_model("m"));
  DaemonProcess& daemon = world.start(config);
  const auto successful = [&] { return metric(port, "retraind_config_last_reload_successful"); };
  ASSERT_TRUE(world.comes_true([&] { return successful() == 1; }, "loaded"));
  world.configure("[model.m]\nsource = 7\n");
  daemon.signal(SIGHUP);
  EXPECT_TRUE(world.comes_true([&] { return successful() == 0; }, "refused"));
  world.configure(World::events_model("m"));
  daemon.signal(SIGHUP);
  EXPECT_TRUE(world.comes_true([&] { return successful() == 1; }, "taken over"));
}

}  // namespace
}  // namespace retraind::testing
