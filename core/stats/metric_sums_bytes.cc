// The bytes of MetricSums: a format number, the task, whole numbers in groups of seven bits (LEB128), the sums as
// little-endian doubles, and a CRC-32 behind it all.

#include <bit>
#include <boost/crc.hpp>
#include <cstring>
#include <numeric>

#include "core/base/error.h"
#include "core/stats/metric_sums.h"

namespace retraind::stats {
namespace {

constexpr char kFormat = 1;
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kBinaryCounts = 6;
constexpr std::size_t kBinarySums = 6;
constexpr std::size_t kMulticlassSums = 3;
constexpr std::size_t kRegressionSums = 8;

static_assert(std::endian::native == std::endian::little, "doubles are copied as they lie in memory");

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("stored sums of a metric cannot be read: " + why,
                  "they were not written by retraind or were changed since");
}

std::uint32_t crc_of(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

void append_whole(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7f));
  out += static_cast<char>(value);
}

template <class Number>
void append_plain(std::string& out, Number value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t byte() {
    if (rest_.empty()) refuse("they end early");
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::uint64_t whole() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t group = byte();
      value |= (group & 0x7f) << shift;
      if (group < 0x80) return value;
    }
    refuse("a count is longer than 64 bits");
  }

  double number() {
    double value = 0;
    if (rest_.size() < sizeof value) refuse("they end early");
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }

  // How many things of at least one byte each can still come: nothing is allocated for more.
  std::uint64_t most() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

}  // namespace

std::string MetricSums::pack() const {
  std::string out;
  out += kFormat;
  out += static_cast<char>(task_);
  append_whole(out, classes_);
  append_whole(out, rows_);
  for (const std::uint64_t count : counts_) append_whole(out, count);
  for (const double sum : sums_) append_plain(out, sum);
  if (rows_ > 0 && task_ == Task::binary) {
    append_whole(out, cells_.size());
    std::uint32_t last = 0;
    for (const Cell& cell : cells_) {
      append_whole(out, cell.place - last);
      append_whole(out, cell.negatives);
      append_whole(out, cell.positives);
      last = cell.place;
    }
  }
  append_plain(out, crc_of(out));
  return out;
}

MetricSums MetricSums::unpack(std::string_view bytes) {
  if (bytes.size() < kCrcBytes) refuse("they have " + std::to_string(bytes.size()) + " bytes");
  const std::string_view body = bytes.substr(0, bytes.size() - kCrcBytes);
  std::uint32_t crc = 0;
  std::memcpy(&crc, bytes.data() + body.size(), kCrcBytes);
  if (crc != crc_of(body)) refuse("their checksum is wrong");

  Reader reader(body);
  MetricSums sums;
  if (const std::uint8_t format = reader.byte(); format != kFormat) {
    refuse("they have format " + std::to_string(format) + ", and " + std::to_string(kFormat) + " is known");
  }
  const std::uint8_t task = reader.byte();
  if (task >= words_of<Task>().size()) refuse("there is no task " + std::to_string(task));
  sums.task_ = static_cast<Task>(task);
  sums.classes_ = reader.whole();
  sums.rows_ = reader.whole();
  if (sums.rows_ > 0) {
    std::size_t counts = 0;
    std::size_t numbers = kRegressionSums;
    if (sums.task_ == Task::binary) {
      counts = kBinaryCounts;
      numbers = kBinarySums;
    } else if (sums.task_ == Task::multiclass) {
      if (sums.classes_ > reader.most()) refuse("they end early");
      counts = 3 * sums.classes_;
      numbers = kMulticlassSums;
    }
    for (std::size_t i = 0; i < counts; ++i) sums.counts_.push_back(reader.whole());
    for (std::size_t i = 0; i < numbers; ++i) sums.sums_.push_back(reader.number());
  }
  if (sums.rows_ > 0 && sums.task_ == Task::binary) {
    const std::uint64_t cells = reader.whole();
    std::uint64_t place = 0;
    std::uint64_t rows = 0;
    for (std::uint64_t i = 0; i < cells; ++i) {
      Cell cell;
      const std::uint64_t step = reader.whole();
      place += step;
      if (step > UINT32_MAX || place > UINT32_MAX || (i > 0 && step == 0)) refuse("their cells are out of order");
      cell.place = static_cast<std::uint32_t>(place);
      cell.negatives = reader.whole();
      cell.positives = reader.whole();
      rows += cell.negatives + cell.positives;
      sums.cells_.push_back(cell);
    }
    if (rows != sums.rows_ || std::accumulate(sums.counts_.begin(), sums.counts_.end(), std::uint64_t{0}) != rows) {
      refuse("their counts do not add up to " + std::to_string(sums.rows_) + " rows");
    }
  }
  // Whatever else may be spelled in two ways was not written by pack.
  if (reader.most() > 0 || sums.pack() != bytes) refuse("they are not in the one form that is written");
  return sums;
}

}  // namespace retraind::stats
