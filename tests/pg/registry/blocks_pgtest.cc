// The time blocks of a version: those of its reference, which never change, and those of the rows since.
#include "core/registry/blocks.h"

#include <thread>

#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::complaint;
using testing::hours;
using testing::make_model;
using testing::minutes;
using testing::seconds;

constexpr auto kFeatures = BlockStream::features;
constexpr auto kDay = hours(24);

class BlocksTest : public testing::RegistryTest {
 protected:
  ModelId put_promoted(const std::string& name = "power") {
    const ModelId id = put(make_model(name));
    run_to(RunState::promoted, id);
    return id;
  }
  static std::vector<Block> make_blocks(std::int64_t first, std::int64_t last, std::uint64_t rows = 10,
                                        const std::string& packed = "x") {
    std::vector<Block> out;
    for (std::int64_t i = first; i <= last; ++i) out.push_back({.index = i, .rows = rows, .packed = packed});
    return out;
  }
  bool put_fresh(ModelId model, std::int64_t from, const std::vector<Block>& blocks, TimePoint read_at,
                 BlockStream stream = kFeatures, int version = 1, const std::string& basis = "query") {
    return transact([&](store::Transaction& t) {
      return put_fresh_blocks(t, model, version, stream, from, blocks, mark_at(blocks, from, read_at, basis));
    });
  }
  static WatchMark mark_at(const std::vector<Block>& blocks, std::int64_t from, TimePoint read_at,
                           const std::string& basis = "query") {
    return {.first = from, .open = blocks.empty() ? from : blocks.back().index, .read_at = read_at, .basis = basis};
  }
  // "index:rows:packed …"
  static std::string text_of(const std::vector<Block>& blocks) {
    std::string out;
    for (const Block& block : blocks) out += fmt::format("{}:{}:{} ", block.index, block.rows, block.packed);
    return out;
  }
  std::string fresh(ModelId model, std::int64_t first = -1000, std::int64_t last = 1000, BlockStream stream = kFeatures,
                    int version = 1) {
    return text_of(
        transact([&](store::Transaction& t) { return list_fresh_blocks(t, model, version, stream, first, last); }));
  }
  std::string newest(ModelId model, std::uint64_t rows) {
    return text_of(transact([&](store::Transaction& t) { return list_newest_blocks(t, model, 1, kFeatures, rows); }));
  }
  std::optional<WatchMark> mark(ModelId model, BlockStream stream = kFeatures, int version = 1) {
    return transact([&](store::Transaction& t) { return find_mark(t, model, version, stream); });
  }
  std::uint64_t remove_old(TimePoint now) {
    return transact([&](store::Transaction& t) { return remove_old_blocks(t, now); });
  }
  // Returns when somebody waits for a lock.
  void await_waiting() {
    for (int i = 0; i < 100'000; ++i) {
      if (ground.text("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0") return;
    }
    ADD_FAILURE() << "nobody waits";
  }
};

TEST_F(BlocksTest, OfTheReferenceComeBackToTheByteInOrder) {
  const ModelId model = put_promoted();
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte += static_cast<char>(c);
  const std::vector<Block> features = {
      {.index = -7, .rows = 0, .packed = ""},
      {.index = 0, .rows = 3, .packed = every_byte},
      {.index = std::int64_t{1} << 60, .rows = std::uint64_t{1} << 62, .packed = "{}\\\""}};
  const std::vector<Block> losses = {{.index = 5, .rows = 1, .packed = "loss"}};
  transact([&](store::Transaction& t) {
    add_reference_blocks(t, model, 1, BlockStream::features, features);
    add_reference_blocks(t, model, 1, BlockStream::losses, losses);
    add_reference_blocks(t, model, 1, BlockStream::scores, {});
  });
  transact([&](store::Transaction& t) {
    EXPECT_EQ(text_of(list_reference_blocks(t, model, 1, BlockStream::features)), text_of(features));
    EXPECT_EQ(text_of(list_reference_blocks(t, model, 1, BlockStream::losses)), text_of(losses));
    EXPECT_EQ(text_of(list_reference_blocks(t, model, 1, BlockStream::scores)), "");
    EXPECT_EQ(text_of(list_reference_blocks(t, model, 2, BlockStream::features)), "");
  });
}

TEST_F(BlocksTest, OfTheReferenceAreAddedOnce) {
  const ModelId model = put_promoted();
  const auto add = [&](int version) {
    transact([&](store::Transaction& t) { add_reference_blocks(t, model, version, kFeatures, make_blocks(0, 2)); });
  };
  add(1);
  EXPECT_CONTAINS(complaint<DataError>([&] { add(1); }), "reference_block_pkey");
  EXPECT_CONTAINS(complaint<DataError>([&] { add(2); }), "reference_block");
}

TEST_F(BlocksTest, ByTheThousandTravelTogether) {
  const ModelId model = put_promoted();
  // More than travels in one statement.
  std::vector<Block> many = make_blocks(-2500, 2500, 7, std::string(1000, '\xFF'));
  many[17].packed = "another";
  EXPECT_TRUE(put_fresh(model, -2500, many, start));
  transact([&](store::Transaction& t) {
    const auto back = list_fresh_blocks(t, model, 1, kFeatures, -2500, 2500);
    EXPECT_EQ(back.size(), 5001u);
    EXPECT_TRUE(text_of(back) == text_of(many));
  });
}

TEST_F(BlocksTest, AreReplacedFromTheFirstOpenOne) {
  const ModelId model = put_promoted();
  EXPECT_EQ(mark(model), std::nullopt);
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 3), start));
  EXPECT_TRUE(put_fresh(model, 2, {{2, 11, "new"}, {5, 1, "y"}}, start + minutes(1)));
  EXPECT_EQ(fresh(model), "0:10:x 1:10:x 2:11:new 5:1:y ") << "3 is gone, and 4 has no rows";
  EXPECT_EQ(fresh(model, 1, 2), "1:10:x 2:11:new ");
  EXPECT_EQ(fresh(model, 3, 4), "");
  const auto now = mark(model).value();
  EXPECT_EQ(now.first, 2);
  EXPECT_EQ(now.open, 5);
  EXPECT_EQ(now.read_at, start + minutes(1));
  EXPECT_EQ(now.basis, "query");
  EXPECT_TRUE(put_fresh(model, 5, {}, start + minutes(2)));
  EXPECT_EQ(fresh(model), "0:10:x 1:10:x 2:11:new ");
}

TEST_F(BlocksTest, OfAnOlderReadingChangeNothing) {
  const ModelId model = put_promoted();
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 1), start));
  EXPECT_FALSE(put_fresh(model, 0, make_blocks(0, 5, 99), start - seconds(1)));
  EXPECT_EQ(fresh(model), "0:10:x 1:10:x ");
  EXPECT_EQ(mark(model).value().open, 1);
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 0, 12), start)) << "the same reading once more";
  EXPECT_EQ(fresh(model), "0:12:x ");
}

TEST_F(BlocksTest, DoNotOutliveTheQueryThatTheyWereCountedWith) {
  const ModelId model = put_promoted();
  const ModelId other = put_promoted("gas");
  run_to(RunState::promoted, model);
  EXPECT_TRUE(put_fresh(model, -3, make_blocks(-3, 3), start));
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 0, 1), start, BlockStream::losses));
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 0, 2), start, kFeatures, 2));
  EXPECT_TRUE(put_fresh(other, 0, make_blocks(0, 0, 3), start));
  EXPECT_TRUE(put_fresh(model, 2, make_blocks(2, 4, 9, "new"), start + minutes(1), kFeatures, 1, "another query"));
  EXPECT_EQ(fresh(model), "2:9:new 3:9:new 4:9:new ") << "also those before the first replaced one are gone";
  const auto now = mark(model).value();
  EXPECT_EQ(now.first, 2);
  EXPECT_EQ(now.open, 4);
  EXPECT_EQ(now.read_at, start + minutes(1));
  EXPECT_EQ(now.basis, "another query");
  EXPECT_EQ(fresh(model, 0, 9, BlockStream::losses), "0:1:x ");
  EXPECT_EQ(fresh(model, 0, 9, kFeatures, 2), "0:2:x ");
  EXPECT_EQ(fresh(other), "0:3:x ");
  EXPECT_EQ(mark(model, BlockStream::losses).value().basis, "query");
}

TEST_F(BlocksTest, OfAnOlderReadingChangeNothingWhateverTheirQuery) {
  const ModelId model = put_promoted();
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 1), start));
  EXPECT_FALSE(put_fresh(model, 0, make_blocks(0, 5, 99), start - seconds(1), kFeatures, 1, "another query"));
  EXPECT_EQ(fresh(model), "0:10:x 1:10:x ");
  EXPECT_EQ(mark(model).value().basis, "query");
  EXPECT_EQ(mark(model).value().open, 1);
  EXPECT_TRUE(put_fresh(model, 1, make_blocks(1, 1, 99), start, kFeatures, 1, "another query")) << "the same instant";
  EXPECT_EQ(fresh(model), "1:99:x ");
}

TEST_F(BlocksTest, OfTwoFirstReadingsByDifferentQueriesDoNotMix) {
  const ModelId model = put_promoted();
  bool put_theirs = false;
  std::jthread other;
  transact([&](store::Transaction& t) {
    const auto blocks = make_blocks(0, 1, 1, "mine");
    EXPECT_TRUE(put_fresh_blocks(t, model, 1, kFeatures, 0, blocks, mark_at(blocks, 0, start)));
    other = std::jthread([&] {
      put_theirs = put_fresh(model, 1, make_blocks(1, 2, 1, "theirs"), start + seconds(1), kFeatures, 1, "another");
    });
    await_waiting();
  });
  other.join();
  EXPECT_TRUE(put_theirs);
  EXPECT_EQ(fresh(model), "1:1:theirs 2:1:theirs ") << "block 0, which it did not see when it began, is gone too";
  EXPECT_EQ(mark(model).value().basis, "another");
}

TEST_F(BlocksTest, OfStreamsVersionsAndModelsAreApart) {
  const ModelId model = put_promoted();
  const ModelId other = put_promoted("gas");
  run_to(RunState::promoted, model);
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 0, 1), start));
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 0, 2), start - hours(1), BlockStream::losses));
  EXPECT_TRUE(put_fresh(model, 0, make_blocks(0, 0, 3), start - hours(1), kFeatures, 2));
  EXPECT_TRUE(put_fresh(other, 0, make_blocks(0, 0, 4), start - hours(1)));
  EXPECT_TRUE(put_fresh(model, -9, {}, start, BlockStream::scores));
  EXPECT_EQ(fresh(model), "0:1:x ");
  EXPECT_EQ(fresh(model, 0, 0, BlockStream::losses), "0:2:x ");
  EXPECT_EQ(fresh(model, 0, 0, kFeatures, 2), "0:3:x ");
  EXPECT_EQ(fresh(other), "0:4:x ");
}

TEST_F(BlocksTest, ThatDoNotAscendAreABug) {
  const ModelId model = put_promoted();
  EXPECT_THROW(put_fresh(model, 0, {{1, 1, "x"}, {1, 1, "x"}}, start), std::logic_error);
  EXPECT_THROW(put_fresh(model, 2, make_blocks(1, 3), start), std::logic_error);
  EXPECT_THROW(transact([&](store::Transaction& t) {
                 add_reference_blocks(t, model, 1, kFeatures, {{2, 1, "x"}, {1, 1, "x"}});
               }),
               std::logic_error);
  EXPECT_EQ(mark(model), std::nullopt);
}

TEST_F(BlocksTest, AreCountedBackFromTheNewest) {
  const ModelId model = put_promoted();
  EXPECT_EQ(newest(model, 5), "");
  put_fresh(model, 0, {{0, 100, "a"}, {3, 5, "b"}, {4, 0, "c"}, {9, 5, "d"}}, start);
  EXPECT_EQ(newest(model, 0), "");
  EXPECT_EQ(newest(model, 1), "9:5:d ");
  EXPECT_EQ(newest(model, 5), "9:5:d ");
  EXPECT_EQ(newest(model, 6), "3:5:b 4:0:c 9:5:d ");
  EXPECT_EQ(newest(model, 10), "3:5:b 4:0:c 9:5:d ");
  EXPECT_EQ(newest(model, 11), "0:100:a 3:5:b 4:0:c 9:5:d ");
  EXPECT_EQ(newest(model, ~std::uint64_t{0}), "0:100:a 3:5:b 4:0:c 9:5:d ");
}

TEST_F(BlocksTest, OfTwoFirstReadingsAtATimeAreThoseOfTheNewer) {
  for (const bool newer_first : {true, false}) {
    const ModelId model = put_promoted(newer_first ? "power" : "gas");
    const TimePoint mine = newer_first ? start + seconds(1) : start;
    const TimePoint theirs = newer_first ? start : start + seconds(1);
    bool put_theirs = false;
    std::jthread other;
    transact([&](store::Transaction& t) {
      const auto blocks = make_blocks(0, 1, 1, "mine");
      EXPECT_TRUE(put_fresh_blocks(t, model, 1, kFeatures, 0, blocks, mark_at(blocks, 0, mine)));
      other = std::jthread([&] { put_theirs = put_fresh(model, 0, make_blocks(1, 2, 1, "theirs"), theirs); });
      await_waiting();
    });
    other.join();
    EXPECT_EQ(put_theirs, !newer_first);
    EXPECT_EQ(fresh(model), newer_first ? "0:1:mine 1:1:mine " : "1:1:theirs 2:1:theirs ");
    EXPECT_EQ(mark(model).value().read_at, start + seconds(1));
  }
}

TEST_F(BlocksTest, AreNotTouchedByAnotherWhileTheMarkIsHeld) {
  const ModelId model = put_promoted();
  put_fresh(model, 0, make_blocks(0, 1, 1, "old"), start);
  std::jthread other;
  std::optional<WatchMark> seen;
  transact([&](store::Transaction& t) {
    EXPECT_EQ(find_mark(t, model, 1, kFeatures).value().open, 1);
    other = std::jthread([&] { seen = mark(model); });
    await_waiting();
    const auto blocks = make_blocks(1, 7, 1, "new");
    EXPECT_TRUE(put_fresh_blocks(t, model, 1, kFeatures, 1, blocks, mark_at(blocks, 1, start + seconds(1))));
  });
  other.join();
  EXPECT_EQ(seen.value().open, 7) << "it waited, and saw what became of it";
}

TEST_F(BlocksTest, GoAMonthAfterTheirVersionLeftProduction) {
  const ModelId model = put_promoted();                       // version 1, until
  run_to(RunState::promoted, model, "manual", start + kDay);  // version 2 came a day later
  const ModelId other = put_promoted("gas");
  for (const int version : {1, 2}) {
    put_fresh(model, 0, make_blocks(0, 3), start, kFeatures, version);
    put_fresh(model, 0, make_blocks(0, 1), start, BlockStream::losses, version);
  }
  put_fresh(other, 0, make_blocks(0, 0), start);
  EXPECT_EQ(remove_old(start + kDay * 31), 0u) << "thirty days, not more";
  EXPECT_EQ(remove_old(start + kDay * 31 + seconds(1)), 6u);
  EXPECT_EQ(remove_old(start + kDay * 400), 0u) << "what is in production stays";
  EXPECT_EQ(mark(model), std::nullopt);
  EXPECT_NE(mark(model, kFeatures, 2), std::nullopt);
  EXPECT_EQ(fresh(other), "0:10:x ");
  EXPECT_EQ(fresh(model, 0, 9, BlockStream::losses, 2), "0:10:x 1:10:x ");
}

TEST_F(BlocksTest, StayWhenTheirVersionCameBack) {
  const ModelId model = put_promoted();
  run_to(RunState::promoted, model, "manual", start + kDay);
  put_fresh(model, 0, make_blocks(0, 3), start);
  put_fresh(model, 0, make_blocks(0, 3), start, kFeatures, 2);
  transact([&](store::Transaction& t) {
    EXPECT_TRUE(move_production(t,
                                {.model = model,
                                 .version = 1,
                                 .kind = PromotionKind::rollback,
                                 .expected = 2,
                                 .actor = "host-a",
                                 .trigger = "manual",
                                 .run = {},
                                 .reason = "because"},
                                start + kDay * 2));
  });
  EXPECT_EQ(remove_old(start + kDay * 100), 4u);
  EXPECT_NE(fresh(model), "");
  EXPECT_EQ(fresh(model, 0, 9, kFeatures, 2), "");
}

}  // namespace
}  // namespace retraind::registry
