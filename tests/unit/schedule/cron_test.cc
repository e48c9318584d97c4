#include "core/schedule/cron.h"

#include <gtest/gtest.h>

#include <set>

#include "core/base/error.h"

namespace retraind::schedule {
namespace {

template <std::size_t Size>
std::set<std::size_t> values(const std::bitset<Size>& bits) {
  std::set<std::size_t> out;
  for (std::size_t i = 0; i < Size; ++i) {
    if (bits[i]) out.insert(i);
  }
  return out;
}

using Values = std::set<std::size_t>;

Values minutes_of(std::string_view field) {
  return values(Cron::parse(std::string(field) + " * * * *").minutes());
}

Values weekdays_of(std::string_view field) {
  const Cron cron = Cron::parse("0 0 * * " + std::string(field));
  Values out;
  for (unsigned weekday = 0; weekday < 7; ++weekday) {
    if (cron.matches_day(1, 1, weekday)) out.insert(weekday);
  }
  return out;
}

Values months_of(std::string_view field) {
  const Cron cron = Cron::parse("0 0 1 " + std::string(field) + " *");
  Values out;
  for (unsigned month = 1; month <= 12; ++month) {
    if (cron.matches_month(month)) out.insert(month);
  }
  return out;
}

// "message (hint)" of what is wrong, or "" when nothing is.
std::string complaint(std::string_view expression) {
  try {
    Cron::parse(expression);
    return "";
  } catch (const ConfigError& error) {
    return error.message_with_hint();
  }
}

TEST(Cron, ReadsValuesRangesListsAndSteps) {
  EXPECT_EQ(minutes_of("5"), (Values{5}));
  EXPECT_EQ(minutes_of("05"), (Values{5}));
  EXPECT_EQ(minutes_of("57-59"), (Values{57, 58, 59}));
  EXPECT_EQ(minutes_of("7-7"), (Values{7}));
  EXPECT_EQ(minutes_of("3,1,2,1"), (Values{1, 2, 3}));
  EXPECT_EQ(minutes_of("*/20"), (Values{0, 20, 40}));
  EXPECT_EQ(minutes_of("5-30/10"), (Values{5, 15, 25}));
  EXPECT_EQ(minutes_of("0,10-12,50-59/5"), (Values{0, 10, 11, 12, 50, 55}));
  EXPECT_EQ(minutes_of("*/60"), (Values{0}));
  EXPECT_EQ(minutes_of("*").size(), 60u);
}

TEST(Cron, ReadsHours) {
  EXPECT_EQ(values(Cron::parse("0 9-17/4 * * *").hours()), (Values{9, 13, 17}));
  EXPECT_EQ(values(Cron::parse("0 23 * * *").hours()), (Values{23}));
}

TEST(Cron, ReadsMonthsAndWeekdaysByNumberAndByName) {
  EXPECT_EQ(months_of("1,12"), (Values{1, 12}));
  EXPECT_EQ(months_of("jan,DEC"), (Values{1, 12}));
  EXPECT_EQ(months_of("Mar-may"), (Values{3, 4, 5}));
  EXPECT_EQ(weekdays_of("mon-fri"), (Values{1, 2, 3, 4, 5}));
  EXPECT_EQ(weekdays_of("tue"), (Values{2}));
}

TEST(Cron, TakesBothZeroAndSevenForSunday) {
  EXPECT_EQ(weekdays_of("0"), (Values{0}));
  EXPECT_EQ(weekdays_of("7"), (Values{0}));
  EXPECT_EQ(weekdays_of("5-7"), (Values{0, 5, 6}));
  EXPECT_EQ(weekdays_of("fri-sun"), (Values{0, 5, 6}));
  EXPECT_EQ(weekdays_of("sun-tue"), (Values{0, 1, 2}));
  EXPECT_EQ(weekdays_of("0-7").size(), 7u);
  EXPECT_EQ(weekdays_of("*/2"), (Values{0, 2, 4, 6}));
}

TEST(Cron, ReadsTheWordsThatStandForWholeExpressions) {
  const auto same = [](std::string_view word, std::string_view fields) {
    const Cron a = Cron::parse(word);
    const Cron b = Cron::parse(fields);
    EXPECT_EQ(a.minutes(), b.minutes()) << word;
    EXPECT_EQ(a.hours(), b.hours()) << word;
    for (unsigned month = 1; month <= 12; ++month) {
      for (unsigned day = 1; day <= 31; ++day) {
        const unsigned weekday = (month + day) % 7;
        EXPECT_EQ(a.matches_day(month, day, weekday), b.matches_day(month, day, weekday)) << word;
      }
    }
  };
  same("@hourly", "0 * * * *");
  same("@daily", "0 0 * * *");
  same("@midnight", "0 0 * * *");
  same("@weekly", "0 0 * * 0");
  same("@monthly", "0 0 1 * *");
  same("@yearly", "0 0 1 1 *");
  same("@annually", "0 0 1 1 *");
  same("@Daily", "0 0 * * *");
}

TEST(Cron, SeparatesFieldsByAnyBlanksAndKeepsTheTextAsWritten) {
  const Cron cron = Cron::parse(" 0\t3  * * * ");
  EXPECT_EQ(values(cron.hours()), (Values{3}));
  EXPECT_EQ(cron.expression(), " 0\t3  * * * ");
  EXPECT_EQ(Cron::parse("@daily").expression(), "@daily");
}

TEST(Cron, IsSatisfiedByEitherDayFieldWhenBothAreRestricted) {
  const Cron cron = Cron::parse("0 0 13 * fri");
  EXPECT_TRUE(cron.matches_day(3, 13, 2));
  EXPECT_TRUE(cron.matches_day(3, 14, 5));
  EXPECT_FALSE(cron.matches_day(3, 14, 2));
}

TEST(Cron, NeedsBothDayFieldsWhenOneBeginsWithAStar) {
  EXPECT_FALSE(Cron::parse("0 0 13 * *").matches_day(3, 14, 5));
  EXPECT_FALSE(Cron::parse("0 0 * * fri").matches_day(3, 13, 2));
  const Cron odd_mondays = Cron::parse("0 0 */2 * mon");
  EXPECT_TRUE(odd_mondays.matches_day(3, 13, 1));
  EXPECT_FALSE(odd_mondays.matches_day(3, 13, 2));
  EXPECT_FALSE(odd_mondays.matches_day(3, 14, 1));
}

TEST(Cron, FollowsElapsedTimeWhenItFiresEveryHour) {
  for (const char* expression : {"* * * * *", "*/15 * * * *", "30 * 1 * *", "0 0-23 * * *", "0 */1 * * *", "@hourly"}) {
    EXPECT_TRUE(Cron::parse(expression).is_hourly_or_finer()) << expression;
  }
  for (const char* expression : {"0 3 * * *", "*/15 2 * * *", "0 */2 * * *", "0 1-23 * * *", "@daily"}) {
    EXPECT_FALSE(Cron::parse(expression).is_hourly_or_finer()) << expression;
  }
}

TEST(CronComplaint, NamesANumberOutOfRange) {
  EXPECT_EQ(complaint("60 * * * *"), R"(cron "60 * * * *": minute is "60", but "60" is not in 0-59)");
  EXPECT_EQ(complaint("0 24 * * *"), R"(cron "0 24 * * *": hour is "24", but "24" is not in 0-23)");
  EXPECT_EQ(complaint("0 0 0 * *"), R"(cron "0 0 0 * *": day of month is "0", but "0" is not in 1-31)");
  EXPECT_EQ(complaint("0 0 32 * *"), R"(cron "0 0 32 * *": day of month is "32", but "32" is not in 1-31)");
  EXPECT_EQ(complaint("0 0 1 13 *"), R"(cron "0 0 1 13 *": month is "13", but "13" is not in 1-12 or jan-dec)");
  EXPECT_EQ(complaint("0 0 * * 8"), R"(cron "0 0 * * 8": day of week is "8", but "8" is not in 0-7 or sun-sat)");
  EXPECT_EQ(complaint("1,2,99 * * * *"), R"(cron "1,2,99 * * * *": minute is "1,2,99", but "99" is not in 0-59)");
  EXPECT_EQ(complaint("99999999999 * * * *"),
            R"(cron "99999999999 * * * *": minute is "99999999999", but "99999999999" is not in 0-59)");
}

TEST(CronComplaint, NamesAWordItDoesNotKnowAndTheNearestItDoes) {
  EXPECT_EQ(complaint("x * * * *"), R"(cron "x * * * *": minute is "x", but "x" is not in 0-59)");
  EXPECT_EQ(complaint("0 0 1 jam *"),
            R"(cron "0 0 1 jam *": month is "jam", but "jam" is not in 1-12 or jan-dec (did you mean "jan"?))");
  EXPECT_EQ(complaint("0 0 * * Wen"),
            R"(cron "0 0 * * Wen": day of week is "Wen", but "Wen" is not in 0-7 or sun-sat (did you mean "wed"?))");
  EXPECT_EQ(complaint("0 0 L * *"), R"(cron "0 0 L * *": day of month is "L", but "L" is not in 1-31)");
  EXPECT_EQ(complaint("0 0 ? * *"), R"(cron "0 0 ? * *": day of month is "?", but "?" is not in 1-31)");
  EXPECT_EQ(complaint("0 0 * * mon#2"),
            R"(cron "0 0 * * mon#2": day of week is "mon#2", but "mon#2" is not in 0-7 or sun-sat)");
  EXPECT_EQ(complaint("-5 * * * *"), R"(cron "-5 * * * *": minute is "-5", but a value is missing (it may hold 0-59))");
  EXPECT_EQ(complaint("+5 * * * *"), R"(cron "+5 * * * *": minute is "+5", but "+5" is not in 0-59)");
  EXPECT_EQ(complaint("1.5 * * * *"), R"(cron "1.5 * * * *": minute is "1.5", but "1.5" is not in 0-59)");
}

TEST(CronComplaint, ShowsHowToWriteARangeThatRunsBackwards) {
  EXPECT_EQ(complaint("0 22-4 * * *"),
            R"(cron "0 22-4 * * *": hour is "22-4", but the range 22-4 runs backwards (write "22-23,0-4"))");
  EXPECT_EQ(complaint("0 0 * * fri-mon"),
            R"(cron "0 0 * * fri-mon": day of week is "fri-mon", but the range fri-mon runs backwards )"
            R"((write "5-6,0-1"))");
  EXPECT_EQ(complaint("0 0 * * 7-2"),
            R"(cron "0 0 * * 7-2": day of week is "7-2", but the range 7-2 runs backwards (write "0-2"))");
  EXPECT_EQ(complaint("50-10/5 * * * *"),
            R"(cron "50-10/5 * * * *": minute is "50-10/5", but the range 50-10 runs backwards)");
}

TEST(CronComplaint, SaysWhatIsWrongWithAStep) {
  EXPECT_EQ(complaint("*/0 * * * *"),
            R"(cron "*/0 * * * *": minute is "*/0", but the step "0" is not a number in 1-60)");
  EXPECT_EQ(complaint("*/90 * * * *"),
            R"(cron "*/90 * * * *": minute is "*/90", but the step "90" is not a number in 1-60)");
  EXPECT_EQ(complaint("*/ * * * *"), R"(cron "*/ * * * *": minute is "*/", but the step "" is not a number in 1-60)");
  EXPECT_EQ(complaint("*/5/5 * * * *"),
            R"(cron "*/5/5 * * * *": minute is "*/5/5", but the step "5/5" is not a number in 1-60)");
  EXPECT_EQ(complaint("0 0 * * */8"),
            R"(cron "0 0 * * */8": day of week is "*/8", but the step "8" is not a number in 1-7)");
  EXPECT_EQ(complaint("5/15 * * * *"),
            R"(cron "5/15 * * * *": minute is "5/15", but a step needs "*" or a range before it (write "5-59/15"))");
}

TEST(CronComplaint, NoticesMissingValues) {
  EXPECT_EQ(complaint("1,,2 * * * *"),
            R"(cron "1,,2 * * * *": minute is "1,,2", but a value is missing (it may hold 0-59))");
  EXPECT_EQ(complaint("1, * * * *"), R"(cron "1, * * * *": minute is "1,", but a value is missing (it may hold 0-59))");
  EXPECT_EQ(complaint("1- * * * *"), R"(cron "1- * * * *": minute is "1-", but a value is missing (it may hold 0-59))");
  EXPECT_EQ(complaint("/5 * * * *"), R"(cron "/5 * * * *": minute is "/5", but a value is missing (it may hold 0-59))");
  EXPECT_EQ(complaint("1-2-3 * * * *"), R"(cron "1-2-3 * * * *": minute is "1-2-3", but "2-3" is not in 0-59)");
  EXPECT_EQ(complaint("** * * * *"), R"(cron "** * * * *": minute is "**", but "**" is not in 0-59)");
}

TEST(CronComplaint, CountsTheFields) {
  const std::string five = R"((minute, hour, day of month, month, day of week, such as "0 3 * * *"))";
  EXPECT_EQ(complaint(""), R"(cron "": 0 fields where 5 are needed )" + five);
  EXPECT_EQ(complaint("  "), R"(cron "  ": 0 fields where 5 are needed )" + five);
  EXPECT_EQ(complaint("daily"), R"(cron "daily": 1 field where 5 are needed )" + five);
  EXPECT_EQ(complaint("0 3 * *"), R"(cron "0 3 * *": 4 fields where 5 are needed )" + five);
  EXPECT_EQ(complaint("0 0 3 * * *"), R"(cron "0 0 3 * * *": 6 fields where 5 are needed )"
                                      R"((minute, hour, day of month, month, day of week; there are no seconds and )"
                                      R"(no years))");
  EXPECT_EQ(complaint("@daily 5"), R"(cron "@daily 5": 2 fields where 5 are needed )" + five);
}

TEST(CronComplaint, KnowsTheWordsWithAnAtSign) {
  EXPECT_EQ(complaint("@dayly"), R"(cron "@dayly": "@dayly" is not a known word (did you mean "@daily"?))");
  EXPECT_EQ(complaint("@reboot"), R"(cron "@reboot": "@reboot" is not a known word (known are @hourly, @daily, )"
                                  R"(@midnight, @weekly, @monthly, @yearly and @annually))");
  EXPECT_EQ(complaint("@"), R"(cron "@": "@" is not a known word (known are @hourly, @daily, @midnight, @weekly, )"
                            R"(@monthly, @yearly and @annually))");
}

TEST(CronComplaint, RefusesDatesThatNeverCome) {
  EXPECT_EQ(complaint("0 0 30 2 *"), R"(cron "0 0 30 2 *": it can never fire, because month "2" has no day "30" )"
                                     R"((name a day that the month has))");
  EXPECT_EQ(complaint("0 0 31 4,6,9,nov *"), R"(cron "0 0 31 4,6,9,nov *": it can never fire, because month )"
                                             R"("4,6,9,nov" has no day "31" (name a day that the month has))");
  EXPECT_NE(complaint("0 0 30-31 2 */2"), "");  // a weekday that must hold as well does not help
  EXPECT_EQ(complaint("0 0 29 2 *"), "");
  EXPECT_EQ(complaint("0 0 31 4,5 *"), "");
  EXPECT_EQ(complaint("0 0 30 2 mon"), "");  // every Monday of February
}

}  // namespace
}  // namespace retraind::schedule
