// When a silent socket is given up, on a connection over loopback: no database is needed for it.
#include "core/store/silence_watch.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace retraind::store {
namespace {

using namespace std::chrono_literals;

// Both ends of a TCP connection; nothing is ever sent on it.
class SilenceWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(::bind(listener, name, size), 0);
    ASSERT_EQ(::listen(listener, 1), 0);
    ASSERT_EQ(::getsockname(listener, name, &size), 0);
    near = ::socket(AF_INET, SOCK_STREAM, 0);
    ASSERT_EQ(::connect(near, name, size), 0);
    far = ::accept(listener, nullptr, nullptr);
    ASSERT_GE(far, 0);
    ::close(listener);
  }
  void TearDown() override {
    ::close(near);
    ::close(far);
  }
  // Whether the other side sees the end of the connection within that time.
  bool ends_within(std::chrono::milliseconds time) const {
    pollfd end{.fd = far, .events = POLLIN, .revents = 0};
    return ::poll(&end, 1, static_cast<int>(time.count())) == 1;
  }

  int near = -1;
  int far = -1;
};

TEST_F(SilenceWatchTest, BreaksWhatStaysSilentForLongerThanItMay) {
  const SilenceWatch::Guard guard(near, 500ms);
  EXPECT_TRUE(ends_within(10s));
}

// A pool keeps connections that nobody has used for hours.
TEST_F(SilenceWatchTest, DoesNotCountTheSilenceBeforeASocketIsUsed) {
  EXPECT_FALSE(ends_within(3500ms)) << "nobody watches it yet";
  const SilenceWatch::Guard guard(near, 3s);
  EXPECT_FALSE(ends_within(1500ms));
  EXPECT_TRUE(ends_within(10s));
}

TEST_F(SilenceWatchTest, LeavesASocketAloneThatIsNoLongerUsed) {
  { const SilenceWatch::Guard guard(near, 100ms); }
  EXPECT_FALSE(ends_within(2500ms));
}

}  // namespace
}  // namespace retraind::store
