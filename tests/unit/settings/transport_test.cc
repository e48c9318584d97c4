// Which connection strings leave the machine unverified, case by case.
#include "core/settings/transport.h"

#include <gtest/gtest.h>

#include <map>

namespace retraind::settings {
namespace {

constexpr int kLibpq15 = 150010;
constexpr int kLibpq16 = 160002;

LibpqSurroundings surroundings(std::map<std::string, std::string> environment = {},
                               std::map<std::string, std::string> files = {}, int version = kLibpq15) {
  const auto lookup = [](const std::map<std::string, std::string>& in, const std::string& key) {
    const auto found = in.find(key);
    return found == in.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  return {.environment = [=](const std::string& name) { return lookup(environment, name); },
          .read_file = [=](const std::string& path) { return lookup(files, path); },
          .version = version};
}

std::string fault(std::string_view conninfo, const LibpqSurroundings& around = surroundings()) {
  const auto parameters = effective_parameters(conninfo, around);
  if (!parameters) return "unreadable";
  return find_transport_fault(*parameters, around.version).value_or("");
}

TEST(Transport, StaysOnThisMachine) {
  for (const char* conninfo :
       {"", "dbname=x", "host=/run/postgresql", "host=@abstract", "host=localhost", "host=127.0.0.1", "host=127.9.9.9",
        "host=::1", "hostaddr=127.0.0.1", "host=db.example.com hostaddr=127.0.0.1", "host=/a,/b",
        "host=localhost,127.0.0.1,/run", "host=,localhost", "postgresql://localhost/x", "postgresql://[::1]:5433/x",
        "postgresql:///x?host=/run", "postgresql://%2Frun%2Fpg/x", "host=localhost sslmode=disable"}) {
    EXPECT_EQ(fault(conninfo), "") << conninfo;
  }
}

TEST(Transport, LeavesItVerified) {
  for (const char* conninfo :
       {"host=db sslmode=verify-full", "postgresql://db/x?sslmode=verify-full", "host=a,b sslmode=verify-full",
        "host=db hostaddr=192.0.2.1 sslmode=verify-full", "host=db gssencmode=require"}) {
    EXPECT_EQ(fault(conninfo), "") << conninfo;
  }
}

TEST(Transport, LeavesItUnverifiedAndSaysForWhere) {
  struct Case {
    const char* conninfo;
    const char* host;
    const char* mode;
  };
  for (const Case& one :
       {Case{"host=db", "db", "(sslmode=prefer)"}, Case{"host=db sslmode=allow", "db", "(sslmode=allow)"},
        Case{"host=db sslmode=disable", "db", "(sslmode=disable)"},
        Case{"host=db sslmode=require", "db", "(sslmode=require)"},
        Case{"host=db sslmode=verify-ca sslrootcert=/x", "db", "(sslmode=verify-ca)"},
        Case{"hostaddr=192.0.2.1", "192.0.2.1", "prefer"},
        Case{"host=localhost hostaddr=192.0.2.1", "localhost", "prefer"}, Case{"host=localhost,db", "db", "prefer"},
        Case{"host=/run,db,other", "db", "prefer"}, Case{"host=a,b hostaddr=127.0.0.1,192.0.2.1", "b", "prefer"},
        Case{"host=127.0.0.1.example.com", "127.0.0.1.example.com", "prefer"},
        Case{"host=2001:db8::1", "2001:db8::1", "prefer"},
        Case{"postgresql://db1:5432,db2:5433/market", "db1", "prefer"},
        Case{"postgresql://db/x?ssl=true", "db", "(sslmode=require)"},
        Case{"host=db gssencmode=prefer", "db", "prefer"}}) {
    const std::string found = fault(one.conninfo);
    EXPECT_TRUE(found.starts_with(std::string("the connection to ") + one.host + " leaves this machine, and "))
        << one.conninfo << ": " << found;
    EXPECT_NE(found.find(one.mode), std::string::npos) << one.conninfo << ": " << found;
    EXPECT_NE(found.find("sslmode=verify-full"), std::string::npos) << found;
  }
}

TEST(Transport, ResolvesWhatTheEnvironmentSays) {
  EXPECT_NE(fault("dbname=x", surroundings({{"PGHOST", "db"}})), "");
  EXPECT_NE(fault("", surroundings({{"PGHOSTADDR", "192.0.2.1"}})), "");
  EXPECT_EQ(fault("host=/run", surroundings({{"PGHOST", "db"}})), "");
  EXPECT_EQ(fault("host=db", surroundings({{"PGSSLMODE", "verify-full"}})), "");
  EXPECT_NE(fault("host=db sslmode=require", surroundings({{"PGSSLMODE", "verify-full"}})), "");
  EXPECT_EQ(fault("host=db", surroundings({{"PGGSSENCMODE", "require"}})), "");
}

TEST(Transport, ResolvesServicesAsLibpqDoes) {
  const std::string system = "/etc/postgresql-common/pg_service.conf";
  const std::string text =
      "# comment\n[other]\nhost=/run\n\n[market]\n  host=db\nsslmode=verify-full  \n[open]\nhost=db\n";
  EXPECT_EQ(fault("service=market", surroundings({}, {{system, text}})), "");
  EXPECT_NE(fault("service=open", surroundings({}, {{system, text}})), "");
  EXPECT_EQ(fault("service=other", surroundings({}, {{system, text}})), "");
  EXPECT_EQ(fault("service=nowhere", surroundings({}, {{system, text}})), "") << "libpq says that when it connects";
  // The string outweighs the service, the service the environment.
  EXPECT_NE(fault("service=market sslmode=require", surroundings({}, {{system, text}})), "");
  EXPECT_EQ(fault("service=market", surroundings({{"PGSSLMODE", "disable"}}, {{system, text}})), "");
  EXPECT_NE(fault("dbname=x", surroundings({{"PGSERVICE", "open"}}, {{system, text}})), "");
  EXPECT_EQ(fault("service=market", surroundings({{"PGSERVICE", "open"}}, {{system, text}})), "");
  // One's own file comes before the system's; named ones before both.
  EXPECT_EQ(fault("service=open",
                  surroundings({{"HOME", "/h"}}, {{system, text}, {"/h/.pg_service.conf", "[open]\nhost=/run\n"}})),
            "");
  EXPECT_EQ(fault("service=open", surroundings({{"HOME", "/h"}, {"PGSERVICEFILE", "/s"}},
                                               {{system, text}, {"/s", "[open]\nhost=/run\n"}})),
            "");
  EXPECT_NE(fault("service=open", surroundings({{"PGSYSCONFDIR", "/etc/x"}}, {{"/etc/x/pg_service.conf", text}})), "");
}

TEST(Transport, KnowsWhatTheSystemsAuthoritiesImply) {
  const char* conninfo = "host=db sslrootcert=system";
  EXPECT_EQ(fault(conninfo, surroundings({}, {}, kLibpq16)), "");
  EXPECT_NE(fault(conninfo).find("needs libpq 16, this is 15"), std::string::npos) << fault(conninfo);
  EXPECT_EQ(fault(std::string(conninfo) + " sslmode=verify-full"), "");
}

TEST(Transport, LeavesToLibpqWhatLibpqCannotRead) {
  EXPECT_EQ(fault("host='x"), "unreadable");
  EXPECT_EQ(fault("nonsense=1"), "unreadable");
}

TEST(Transport, KnowsLoopbackAddresses) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]", "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const char* host : {"", "128.0.0.1", "::2", "0.0.0.0", "::", "localhost.example.com", "127.0.0.1.nip.io"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

}  // namespace
}  // namespace retraind::settings
