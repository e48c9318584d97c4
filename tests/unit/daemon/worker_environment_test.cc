#include "daemon/worker_environment.h"

#include <gtest/gtest.h>

namespace retraind::daemon {
namespace {

TEST(WorkerEnvironment, LeavesOutWhatIsBetweenTheDaemonAndItsServiceManager) {
  const char* const environment[] = {"PATH=/usr/bin",
                                     "NOTIFY_SOCKET=/run/systemd/notify",
                                     "WATCHDOG_USEC=30000000",
                                     "WATCHDOG_PID=12",
                                     "LISTEN_FDS=1",
                                     "LISTEN_PID=12",
                                     "LISTEN_FDNAMES=x",
                                     "CREDENTIALS_DIRECTORY=/run/credentials/retraind.service",
                                     "JOURNAL_STREAM=8:1",
                                     "MAINPID=12",
                                     "PGPASSFILE=/run/credentials/retraind.service/pgpass",
                                     "TZ=",
                                     "NOTIFY_SOCKETS=no",
                                     nullptr};
  EXPECT_EQ(worker_environment(environment),
            (std::vector<std::string>{"PATH=/usr/bin", "PGPASSFILE=/run/credentials/retraind.service/pgpass",
                                      "TZ=", "NOTIFY_SOCKETS=no"}));
}

}  // namespace
}  // namespace retraind::daemon
