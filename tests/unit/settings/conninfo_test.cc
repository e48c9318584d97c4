#include "core/settings/conninfo.h"

#include <gtest/gtest.h>

namespace retraind::settings {
namespace {

bool holds_secret(std::string_view conninfo) {
  const auto fault = find_conninfo_fault(conninfo);
  return fault && fault->starts_with("a secret");
}

TEST(Conninfo, AcceptsWhatLibpqAccepts) {
  for (const char* conninfo :
       {"", "  ", "service=retraind", "host=db dbname=market user=reader", "host = db  port= 5432",
        "host='/run/my sockets' dbname='it\\'s'", R"(dbname=a\ b user='o\'brien')",
        "options='-c password_encryption=x'", "dbname= user=x", "passfile=/etc/retraind/pgpass",
        "application_name=password", "postgresql://", "postgresql://localhost",
        "postgresql://reader@db:5432/market?sslmode=require&connect_timeout=5", "postgres://[2001:db8::1]:5433/market",
        "postgresql:///market?host=/run&passfile=/x", "postgresql://db1:5432,db2:5433/market",
        "postgresql://%2Frun%2Fpg/market"}) {
    EXPECT_EQ(find_conninfo_fault(conninfo), std::nullopt) << conninfo;
  }
}

TEST(Conninfo, FindsASecretHoweverItIsSpelled) {
  for (const char* conninfo :
       {"password=x", "host=db password = 'a b'", "password=", "host='a password=b' password=c", "sslpassword=x",
        "host=a\\ b\tpassword=c", "host=db password", "postgresql://u:p@db/market", "postgres://u:@db",
        "postgresql://:p@db", "postgresql://u:p/q@db/market", "postgresql://db/market?password=x",
        "postgresql://?a=b&sslpassword=x", "postgresql://db?%70assword=x"}) {
    EXPECT_TRUE(holds_secret(conninfo)) << conninfo;
  }
}

TEST(Conninfo, FindsWhatLibpqCouldNotReadAndRepeatsNoneOfIt) {
  for (const char* conninfo :
       {"hunter2", "host=db hunter2", "host='hunter2", "=hunter2", R"(host='hunter2\')", "postgresql://db?hunter2"}) {
    const auto fault = find_conninfo_fault(conninfo);
    ASSERT_TRUE(fault) << conninfo;
    EXPECT_FALSE(holds_secret(conninfo)) << conninfo;
    EXPECT_EQ(fault->find("hunter2"), std::string::npos) << *fault;
  }
}

}  // namespace
}  // namespace retraind::settings
