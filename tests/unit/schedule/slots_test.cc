#include <gtest/gtest.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/schedule/cron.h"

namespace retraind::schedule {
namespace {

using Texts = std::vector<std::string>;

TimePoint at(std::string_view text) {
  return parse_instant(text).value();
}

// The first `count` slots after `after`, one call each.
Texts next_slots(std::string_view expression, std::string_view timezone, std::string_view after, std::size_t count) {
  const Cron cron = Cron::parse(expression);
  Texts out;
  TimePoint now = at(after);
  while (out.size() < count) {
    const auto slot = next_slot(cron, timezone, now);
    if (!slot) {
      out.emplace_back("none");
      return out;
    }
    out.push_back(format_instant(*slot));
    now = *slot;
  }
  return out;
}

Texts texts(const std::vector<TimePoint>& slots) {
  Texts out;
  for (const TimePoint slot : slots) out.push_back(format_instant(slot));
  return out;
}

// "message (hint)" of what is wrong with a time zone, or "" when nothing is.
std::string complaint(std::string_view timezone) {
  try {
    require_timezone(timezone);
    return "";
  } catch (const ConfigError& error) {
    return error.message_with_hint();
  }
}

TEST(NextSlot, IsStrictlyAfterTheGivenInstant) {
  EXPECT_EQ(next_slots("0 3 * * *", "UTC", "2026-11-23T02:59:59.999999Z", 1), (Texts{"2026-11-23T03:00:00Z"}));
  EXPECT_EQ(next_slots("0 3 * * *", "UTC", "2026-11-23T03:00:00Z", 1), (Texts{"2026-11-24T03:00:00Z"}));
  EXPECT_EQ(next_slots("* * * * *", "UTC", "2026-11-23T03:00:00.000001Z", 1), (Texts{"2026-11-23T03:01:00Z"}));
}

TEST(NextSlot, IsInTheZonesLocalTime) {
  EXPECT_EQ(next_slots("0 3 * * *", "Europe/Berlin", "2026-01-01", 1), (Texts{"2026-01-01T02:00:00Z"}));
  EXPECT_EQ(next_slots("0 3 * * *", "Europe/Berlin", "2026-07-01", 1), (Texts{"2026-07-01T01:00:00Z"}));
  EXPECT_EQ(next_slots("0 9 * * *", "Asia/Kathmandu", "2026-07-01", 1), (Texts{"2026-07-01T03:15:00Z"}));
  EXPECT_EQ(next_slots("0 9 * * mon", "Pacific/Kiritimati", "2026-11-22", 1), (Texts{"2026-11-22T19:00:00Z"}));
}

TEST(NextSlot, FindsLeapDaysAcrossTheYear2100WhichHasNone) {
  EXPECT_EQ(next_slots("0 0 29 2 *", "UTC", "2000-02-29T00:00:00Z", 2),
            (Texts{"2004-02-29T00:00:00Z", "2008-02-29T00:00:00Z"}));
  EXPECT_EQ(next_slots("0 0 29 2 *", "UTC", "2096-02-29", 1), (Texts{"2104-02-29T00:00:00Z"}));
}

TEST(NextSlot, FindsLeapDaysOnAGivenWeekday) {
  // A day of month that begins with "*" must hold together with the weekday: 29 February on a Sunday.
  EXPECT_EQ(next_slots("0 12 29 2 */7", "UTC", "2000-01-01", 3),
            (Texts{"2004-02-29T12:00:00Z", "2032-02-29T12:00:00Z", "2060-02-29T12:00:00Z"}));
}

TEST(NextSlot, FollowsTheLengthsOfMonths) {
  EXPECT_EQ(next_slots("30 23 31 * *", "UTC", "2026-01-31T23:30:00Z", 3),
            (Texts{"2026-03-31T23:30:00Z", "2026-05-31T23:30:00Z", "2026-07-31T23:30:00Z"}));
  EXPECT_EQ(next_slots("0 0 1 jan *", "UTC", "2026-01-01", 2), (Texts{"2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"}));
}

TEST(NextSlot, FollowsTheDaysOfTheWeek) {
  // 13 November 2026 is a Friday.
  EXPECT_EQ(next_slots("0 0 13 * fri", "UTC", "2026-11-10", 3),
            (Texts{"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"}));
  EXPECT_EQ(next_slots("@weekly", "UTC", "2026-11-10", 2), (Texts{"2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"}));
}

TEST(NextSlot, EndsWithTheYear2200) {
  EXPECT_EQ(next_slots("59 23 31 12 *", "UTC", "2199-12-31T23:59:00Z", 2), (Texts{"2200-12-31T23:59:00Z", "none"}));
  EXPECT_EQ(next_slots("0 0 29 2 *", "UTC", "2196-02-29", 1), (Texts{"none"}));
  EXPECT_EQ(next_slot(Cron::parse("* * * * *"), "UTC", TimePoint::max()), std::nullopt);
}

TEST(NextSlot, BeginsWith1970) {
  EXPECT_EQ(next_slot(Cron::parse("* * * * *"), "UTC", TimePoint::min()), at("1970-01-01"));
  EXPECT_EQ(next_slots("* * * * *", "UTC", "1969-12-31T23:59:59Z", 1), (Texts{"1970-01-01T00:00:00Z"}));
  EXPECT_EQ(next_slots("* * * * *", "UTC", "1970-01-01", 1), (Texts{"1970-01-01T00:01:00Z"}));
}

TEST(NextSlot, ExistsForEveryExpressionThatIsAccepted) {
  // Texts made of the pieces of expressions: most are nonsense and must be refused by a ConfigError, nothing else.
  const std::vector<std::string> pieces = {"*",  "*",  "*",  "*",   "1",   "1", "2", "2-5", "*/2", "0", "7", "29",
                                           "30", "31", "60", "feb", "sun", "-", ",", "/",   "@",   "",  "L"};
  Random random(6);
  std::size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string expression;
    for (int field = 0; field < 5; ++field) {
      expression += pieces[random.below(pieces.size())];
      if (random.below(8) == 0) expression += pieces[random.below(pieces.size())];
      if (field < 4) expression += ' ';
    }
    try {
      const Cron cron = Cron::parse(expression);
      ++accepted;
      EXPECT_TRUE(next_slot(cron, "Europe/Berlin", at("2000-01-01")).has_value()) << expression;
    } catch (const ConfigError& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("cron \"" + expression + "\": ")) << error.what();
    }
  }
  EXPECT_GT(accepted, 400u);
}

TEST(SlotsBetween, ExcludesTheBeginningAndIncludesTheEnd) {
  const Slots slots = slots_between(Cron::parse("@daily"), "UTC", at("2026-11-20"), at("2026-11-23"), 10);
  EXPECT_EQ(texts(slots.slots), (Texts{"2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"}));
  EXPECT_EQ(slots.omitted, 0u);
}

TEST(SlotsBetween, KeepsTheNewestAndCountsTheRest) {
  const Cron cron = Cron::parse("0 * * * *");
  const Slots slots = slots_between(cron, "UTC", at("2026-11-20"), at("2026-11-23T00:30:00Z"), 2);
  EXPECT_EQ(texts(slots.slots), (Texts{"2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"}));
  EXPECT_EQ(slots.omitted, 70u);
  const Slots counted = slots_between(cron, "UTC", at("2026-11-20"), at("2026-11-23T00:30:00Z"), 0);
  EXPECT_TRUE(counted.slots.empty());
  EXPECT_EQ(counted.omitted, 72u);
}

TEST(SlotsBetween, IsEmptyWhereNothingLiesBetween) {
  const Cron cron = Cron::parse("@daily");
  for (const char* until : {"2026-11-23T00:00:00Z", "2026-11-23T23:59:59.999999Z", "2020-01-01"}) {
    const Slots slots = slots_between(cron, "UTC", at("2026-11-23"), at(until), 10);
    EXPECT_TRUE(slots.slots.empty()) << until;
    EXPECT_EQ(slots.omitted, 0u) << until;
  }
}

TEST(TimeZone, IsAcceptedWhenTheSystemKnowsIt) {
  for (const char* name : {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"}) {
    EXPECT_EQ(complaint(name), "") << name;
  }
}

TEST(TimeZone, IsRefusedWithTheNearestName) {
  EXPECT_EQ(complaint("Europe/Berln"),
            R"(time zone "Europe/Berln" is not in the system's database (did you mean "Europe/Berlin"?))");
  EXPECT_EQ(complaint("europe/berlin"),
            R"(time zone "europe/berlin" is not in the system's database (did you mean "Europe/Berlin"?))");
  const std::string hint = R"((names look like "Europe/Berlin" or "UTC"; timedatectl list-timezones prints them))";
  EXPECT_EQ(complaint(""), R"(time zone "" is not in the system's database )" + hint);
  EXPECT_EQ(complaint("Middle-earth/Shire"),
            R"(time zone "Middle-earth/Shire" is not in the system's database )" + hint);
  EXPECT_EQ(complaint("../../../etc/passwd"),
            R"(time zone "../../../etc/passwd" is not in the system's database )" + hint);
}

TEST(TimeZone, IsRefusedWhenItDependsOnTheMachine) {
  EXPECT_EQ(complaint("localtime"), R"(time zone "localtime" means another zone on every machine )"
                                    R"((name the zone itself, such as "Europe/Berlin"))");
}

TEST(TimeZone, IsCheckedByEveryQuestion) {
  const Cron cron = Cron::parse("@daily");
  EXPECT_THROW(next_slot(cron, "Nowhere", at("2026-11-23")), ConfigError);
  EXPECT_THROW(slots_between(cron, "Nowhere", at("2026-11-23"), at("2026-11-23"), 1), ConfigError);
}

}  // namespace
}  // namespace retraind::schedule
