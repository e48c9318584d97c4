#include "daemon/log_line.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace retraind::daemon {
namespace {

using settings::LogLevel;

const TimePoint kAt{std::chrono::seconds(1'700'000'000)};

bool contains(const std::vector<std::string>& fields, const std::string& field) {
  return std::find(fields.begin(), fields.end(), field) != fields.end();
}

TEST(LogLine, IsOneLineOfTextWithItsFieldsInFront) {
  EXPECT_EQ(as_text({.level = LogLevel::info,
                     .event = Event::run_started,
                     .message = "run 7 started",
                     .fields = {{"model", "power"}, {"run", "7"}, {"step", ""}}}),
            "[model=power run=7] run 7 started");
  EXPECT_EQ(
      as_text({.level = LogLevel::info, .event = std::nullopt, .message = "a\nb\r", .fields = {{"model", "x\ny"}}}),
      "[model=x\\ny] a\\nb\\r");
}

TEST(LogLine, NamesItsEventInTextWhereThereIsSomethingToLookUp) {
  EXPECT_EQ(as_text({.level = LogLevel::error,
                     .event = Event::run_failed,
                     .message = "run 7 failed",
                     .fields = {{"model", "power"}}}),
            "[event=run_failed model=power] run 7 failed");
}

TEST(LogLine, IsAJsonObjectThatNamesItsEvent) {
  EXPECT_EQ(as_json({.level = LogLevel::warning,
                     .event = Event::lease_not_renewed,
                     .message = "a \"b\"\n",
                     .fields = {{"model", "power"}, {"run", "7"}}},
                    kAt),
            R"({"at":"2023-11-14T22:13:20Z","level":"warning","event":"lease_not_renewed","message":"a \"b\"\n",)"
            R"("model":"power","run":"7"})");
  EXPECT_EQ(as_json({.level = LogLevel::debug, .event = std::nullopt, .message = "m", .fields = {}}, kAt),
            R"({"at":"2023-11-14T22:13:20Z","level":"debug","message":"m"})");
}

TEST(LogLine, HasTheJournalsPriorityAndFields) {
  const auto fields =
      as_journal_fields({.level = LogLevel::error,
                         .event = Event::run_failed,
                         .message = "run 7 failed: a\nb",
                         .fields = {{"model", "power"}, {"run", "7"}, {"step", "train"}, {"trigger", ""}}});
  EXPECT_EQ(fields, (std::vector<std::string>{"MESSAGE=run 7 failed: a\nb", "PRIORITY=3", "SYSLOG_IDENTIFIER=retraind",
                                              "MESSAGE_ID=" + std::string(entry_of(Event::run_failed).message_id),
                                              "RETRAIND_EVENT=run_failed", "RETRAIND_MODEL=power", "RETRAIND_RUN=7",
                                              "RETRAIND_STEP=train"}));
  const auto priority = [](LogLevel level) {
    return as_journal_fields({.level = level, .event = std::nullopt, .message = "m", .fields = {}}).at(1);
  };
  EXPECT_EQ(priority(LogLevel::critical), "PRIORITY=2");
  EXPECT_EQ(priority(LogLevel::warning), "PRIORITY=4");
  EXPECT_EQ(priority(LogLevel::info), "PRIORITY=6");
  EXPECT_EQ(priority(LogLevel::debug), "PRIORITY=7");
}

TEST(LogLine, HoldsNoSecretInAnySpelling) {
  // What libpq, libcurl and servers put into their words.
  for (const char* words : {
           "connection to server failed: host=db password=hunter2 dbname=d",
           "invalid connection option in \"postgresql://u:hunter2@db/d\"",
           "could not resolve https://u:hunter2@hooks.example.com/x",
           "the webhook said: bad webhook_secret=hunter2",
           "Authorization: Bearer hunter2.abc",
       }) {
    const LogLine line{
        .level = LogLevel::error, .event = Event::run_failed, .message = words, .fields = {{"model", words}}};
    EXPECT_EQ(as_text(line).find("hunter2"), std::string::npos) << as_text(line);
    EXPECT_NE(as_text(line).find("***"), std::string::npos) << as_text(line);
    EXPECT_EQ(as_json(line, kAt).find("hunter2"), std::string::npos) << as_json(line, kAt);
    for (const std::string& field : as_journal_fields(line))
      EXPECT_EQ(field.find("hunter2"), std::string::npos) << field;
    EXPECT_TRUE(contains(as_journal_fields(line), "RETRAIND_EVENT=run_failed"));
  }
}

TEST(JournalStream, IsRecognisedByDeviceAndInode) {
  EXPECT_TRUE(is_journal_stream("8:12345", 8, 12345));
  EXPECT_FALSE(is_journal_stream("8:12345", 8, 12346));
  EXPECT_FALSE(is_journal_stream("9:12345", 8, 12345));
  EXPECT_FALSE(is_journal_stream("", 0, 0));
  EXPECT_FALSE(is_journal_stream("8:12345x", 8, 12345));
}

}  // namespace
}  // namespace retraind::daemon
