#include "core/stats/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/stats/counts.h"

namespace retraind::stats {
namespace {

// So large that no handy number of microseconds or units comes near, so small that an index and its neighbour are
// different doubles.
constexpr double kLargestIndex = 4503599627370496.0;  // 2^52

constexpr double kSecond = 1e6;
constexpr double kDay = 86400 * kSecond;
// Nothing shorter than a minute: rows that were all loaded in one go would cut the days to come into blocks of seconds.
constexpr double kInstantLengths[] = {60 * kSecond, 600 * kSecond, 3600 * kSecond, 6 * 3600 * kSecond,
                                      kDay,         7 * kDay,      28 * kDay};

bool cuts_well(double length, EventTime from, EventTime to) {
  if (std::fabs(from / length) > kLargestIndex || std::fabs(to / length) > kLargestIndex) return false;
  const BlockGrid grid{length};
  return grid.index_of(to) - grid.index_of(from) < kMostReferenceBlocks;
}

BlockGrid instant_grid(EventTime from, EventTime to) {
  for (const double length : kInstantLengths) {
    if (cuts_well(length, from, to)) return {length};
  }
  double days = std::max(1.0, std::floor((to - from) / kDay / static_cast<double>(kMostReferenceBlocks)));
  while (!cuts_well(days * kDay, from, to)) days += std::max(1.0, std::floor(days / 1000));
  return {days * kDay};
}

BlockGrid number_grid(EventTime from, EventTime to) {
  if (from == to && cuts_well(1, from, to)) return {1};
  // Starts below what the span needs, and also below what doubles can tell apart at this distance from 0.
  const double least = std::max((to - from) / (2.0 * static_cast<double>(kMostReferenceBlocks)),
                                std::max(std::fabs(from), std::fabs(to)) / (4 * kLargestIndex));
  for (int exponent = static_cast<int>(std::floor(std::log10(least)));; ++exponent) {
    for (const int digit : {1, 2, 5}) {
      // A power of ten below 1 is no double; dividing by an exact one gives the nearest.
      const double length = exponent >= 0 ? digit * std::pow(10.0, exponent) : digit / std::pow(10.0, -exponent);
      if (length > 0 && cuts_well(length, from, to)) return {length};
    }
  }
}

constexpr unsigned char kPackedFormat = 1;
constexpr auto kMostRows = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("the stored counts of a time block cannot be read: " + why,
                  "they were not written by retraind or were changed since; retrain the model to get a new reference");
}

std::uint64_t count_cells(const ColumnProfile& profile) {
  std::uint64_t cells = 0;
  visit_counts(profile, [&cells](std::uint64_t) { ++cells; });
  return cells;
}

// Seven bits a byte, lowest first; the highest bit says that more follow.
void write(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  bytes += static_cast<char>(value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool at_end() const { return at_ == bytes_.size(); }
  std::uint64_t read() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_end()) refuse(fmt::format("it ends after {} bytes", bytes_.size()));
      const auto byte = static_cast<unsigned char>(bytes_[at_++]);
      const std::uint64_t bits = byte & 0x7FU;
      if ((bits << shift >> shift) != bits) break;
      value |= bits << shift;
      if (byte >= 0x80) continue;
      // Only the shortest spelling of a number: the same counts are the same bytes.
      if (byte == 0 && shift > 0) break;
      return value;
    }
    refuse(fmt::format("there is no number at byte {}", at_));
  }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

// A number that is not 0 stands for itself, a 0 for a run of zeros and is followed by the run's length less one.
void read_counts(Reader& reader, ColumnProfile& profile) {
  std::uint64_t left = count_cells(profile);
  if (const std::uint64_t cells = reader.read(); cells != left) {
    refuse(fmt::format("it has {} counts of '{}', which has {} cells", cells, profile.column, left));
  }
  std::uint64_t zeros = 0;
  bool after_zeros = false;
  std::uint64_t rows = 0;
  visit_counts(profile, [&](std::uint64_t& count) {
    count = 0;
    if (zeros == 0) {
      count = reader.read();
      if (count == 0) {
        const std::uint64_t more = reader.read();
        if (after_zeros || more >= left) refuse(fmt::format("a run of zeros of '{}' is cut wrongly", profile.column));
        zeros = more + 1;
      }
      after_zeros = count == 0;
    }
    if (count == 0) --zeros;
    --left;
    if (count > kMostRows - rows) refuse(fmt::format("'{}' counts more rows than there can be", profile.column));
    rows += count;
  });
}

}  // namespace

std::int64_t BlockGrid::index_of(EventTime time) const {
  if (!(length > 0) || !std::isfinite(time) || !(std::fabs(time / length) < 2 * kLargestIndex)) {
    throw std::logic_error(fmt::format("the time {} has no place among blocks of length {}", time, length));
  }
  double index = std::floor(time / length);
  // The quotient is rounded and so is a block's beginning; where they disagree, the beginnings decide.
  if (index * length > time) --index;
  if ((index + 1) * length <= time) ++index;
  return static_cast<std::int64_t>(index);
}

BlockGrid grid_for(TimeAxis axis, EventTime from, EventTime to) {
  if (!std::isfinite(from) || !std::isfinite(to) || from > to || !std::isfinite(to - from)) {
    throw std::logic_error(fmt::format("no time blocks can be cut from {} to {}", from, to));
  }
  return axis == TimeAxis::instant ? instant_grid(from, to) : number_grid(from, to);
}

std::vector<ColumnProfile> sum_of(std::span<const ProfileBlock> blocks, std::span<const ColumnProfile> like) {
  std::vector<ColumnProfile> sum;
  for (const ColumnProfile& column : like) sum.push_back(empty_like(column));
  for (const ProfileBlock& block : blocks) {
    if (block.columns.size() != sum.size()) {
      throw std::logic_error(
          fmt::format("block {} has {} columns, not {}", block.index, block.columns.size(), sum.size()));
    }
    for (std::size_t i = 0; i < sum.size(); ++i) merge(sum[i], block.columns[i]);
  }
  return sum;
}

std::string pack_counts(std::span<const ColumnProfile> columns) {
  std::string bytes(1, static_cast<char>(kPackedFormat));
  write(bytes, columns.size());
  for (const ColumnProfile& column : columns) {
    write(bytes, count_cells(column));
    std::uint64_t zeros = 0;
    std::uint64_t rows = 0;
    const auto write_zeros = [&] {
      if (zeros == 0) return;
      write(bytes, 0);
      write(bytes, zeros - 1);
      zeros = 0;
    };
    visit_counts(column, [&](std::uint64_t count) {
      if (count > kMostRows - rows) {
        throw DataError(fmt::format("the profile of '{}' counts more rows than the registry can hold", column.column));
      }
      rows += count;
      if (count == 0) {
        ++zeros;
        return;
      }
      write_zeros();
      write(bytes, count);
    });
    write_zeros();
  }
  return bytes;
}

std::vector<ColumnProfile> unpack_counts(std::string_view bytes, std::span<const ColumnProfile> like) {
  if (bytes.empty() || static_cast<unsigned char>(bytes.front()) != kPackedFormat) {
    refuse(bytes.empty() ? "there are no bytes"
                         : fmt::format("its format is {}, and this retraind reads only {}",
                                       static_cast<unsigned char>(bytes.front()), kPackedFormat));
  }
  Reader reader(bytes.substr(1));
  if (const std::uint64_t columns = reader.read(); columns != like.size()) {
    refuse(fmt::format("it has {} columns, and the reference has {}", columns, like.size()));
  }
  std::vector<ColumnProfile> profiles;
  for (const ColumnProfile& column : like) {
    profiles.push_back(empty_like(column));
    read_counts(reader, profiles.back());
  }
  if (!reader.at_end()) refuse("something follows the last count");
  return profiles;
}

}  // namespace retraind::stats
