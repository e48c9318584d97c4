#include "core/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

namespace retraind {
namespace {

TEST(ParallelFor, CallsEachNumberOnce) {
  for (const std::size_t threads : {0U, 1U, 2U, 7U, 64U}) {
    for (const std::size_t count : {0U, 1U, 2U, 50U}) {
      std::vector<std::atomic<int>> calls(count);
      parallel_for(threads, count, [&](std::size_t i) { ++calls.at(i); });
      for (const auto& times : calls) EXPECT_EQ(times, 1) << threads << " threads, " << count << " calls";
    }
  }
}

TEST(ParallelFor, IsAPlainLoopOnOneThread) {
  const auto here = std::this_thread::get_id();
  std::vector<std::size_t> order;
  parallel_for(1, 5, [&](std::size_t i) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    order.push_back(i);
  });
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
}

TEST(ParallelFor, ThrowsWhatACallThrewAndBeginsNoOther) {
  for (const std::size_t threads : {1U, 4U}) {
    std::atomic<int> calls = 0;
    const auto fail = [&](std::size_t) {
      ++calls;
      throw std::runtime_error("it failed");
    };
    EXPECT_THROW(parallel_for(threads, 1000, fail), std::runtime_error);
    EXPECT_LE(calls, static_cast<int>(threads));
  }
}

// Two calls that wait for each other end only if they are made at the same time.
TEST(ParallelFor, UsesSeveralThreads) {
  std::atomic<int> here = 0;
  parallel_for(2, 2, [&](std::size_t) {
    ++here;
    while (here < 2) std::this_thread::yield();
  });
  EXPECT_EQ(here, 2);
}

}  // namespace
}  // namespace retraind
