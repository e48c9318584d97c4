#include "core/base/redaction.h"

#include <gtest/gtest.h>

namespace retraind {
namespace {

TEST(Redaction, TakesOutThePasswordOfAConnectionString) {
  EXPECT_EQ(redacted("host=db user=u password=hunter2 dbname=d"), "host=db user=u password=*** dbname=d");
  EXPECT_EQ(redacted("password = 'a b\\'c d' dbname=d"), "password = *** dbname=d");
  EXPECT_EQ(redacted("sslpassword=hunter2"), "sslpassword=***");
  EXPECT_EQ(redacted("PGPASSWORD=hunter2 psql"), "PGPASSWORD=*** psql");
  EXPECT_EQ(redacted("password='never ends"), "password=***");
  EXPECT_EQ(redacted("(password=hunter2)"), "(password=***)");
}

TEST(Redaction, TakesOutThePasswordOfAUrl) {
  EXPECT_EQ(redacted("cannot reach postgresql://u:hunter2@db:5432/d?sslmode=require now"),
            "cannot reach postgresql://u:***@db:5432/d?sslmode=require now");
  EXPECT_EQ(redacted("\"https://u:hunter2@h/x\" refused"), "\"https://u:***@h/x\" refused");
  EXPECT_EQ(redacted("postgres://u:hun/ter2@db/d"), "postgres://u:***@db/d");
  EXPECT_EQ(redacted("postgres://u:hun@ter2@db/d"), "postgres://u:***@db/d");
  EXPECT_EQ(redacted("postgresql://db/d?user=u&password=hunter2&x=1"), "postgresql://db/d?user=u&password=***&x=1");
}

TEST(Redaction, TakesATokenInPlaceOfAUserForASecretWhereUsersAreNotNamed) {
  EXPECT_EQ(redacted("https://abcdef@h/x"), "https://***@h/x");
  EXPECT_EQ(redacted("postgresql://reader@db/d"), "postgresql://reader@db/d");
}

TEST(Redaction, TakesOutTokensAndSecretsOfRequests) {
  EXPECT_EQ(redacted("GET https://h/x?access_token=abc&y=1 failed"), "GET https://h/x?access_token=***&y=1 failed");
  EXPECT_EQ(redacted("Authorization: Bearer abc.def-123, then"), "Authorization: Bearer ***, then");
  EXPECT_EQ(redacted("authorization: basic dXNlcjpwYXNz"), "authorization: basic ***");
  EXPECT_EQ(redacted(R"({"client-secret": "hunter2", "x": 1})"), R"({"client-secret": ***, "x": 1})");
}

TEST(Redaction, LeavesAloneWhatIsNoSecret) {
  for (const char* text : {
           "",
           "password authentication failed for user \"u\"",
           "fe_sendauth: no password supplied",
           "a secret ('password') must not stand in the configuration",
           "release.webhook_secret_file=/etc/x",
           "https://h:8080/a@b",
           "postgresql://db:5432/d",
           "the basic rule is no better",
           "passfile=/etc/retraind/pgpass",
           "2026-11-30T20:45:00Z user@host",
           "tokens=12",
           "://",
           "x://",
           "password=",
       }) {
    EXPECT_EQ(redacted(text), text);
  }
}

}  // namespace
}  // namespace retraind
