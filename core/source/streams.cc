#include "core/source/streams.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "core/base/error.h"

namespace retraind::source {
namespace {

// A request to stop that comes between two statements of a stream is lost, so it is made again.
constexpr auto kAgain = std::chrono::milliseconds(50);

// In front of the sinks of a part: ends it at the next batch once another part has failed.
class StoppableSink : public data::BatchSink {
 public:
  explicit StoppableSink(const std::atomic<bool>& stopped) : stopped_(stopped) {}
  void consume(const data::Batch&) override {
    if (stopped_) throw TransientError("another stream has failed");
  }

 private:
  const std::atomic<bool>& stopped_;
};

// What the threads of one extraction share.
class Streams {
 public:
  explicit Streams(std::vector<std::function<void()>> cancellers)
      : cancellers_(std::move(cancellers)), ended_(cancellers_.size(), false) {}

  const std::atomic<bool>& stopped() const { return stopped_; }

  void run(std::size_t part, const std::function<void()>& extract) {
    std::exception_ptr failure;
    try {
      extract();
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    ended_[part] = true;
    if (failure && !failure_) {
      failure_ = failure;
      stopped_ = true;
    }
    changed_.notify_all();
  }

  // Returns when all have ended; throws what the first one that failed has thrown.
  void wait() {
    std::unique_lock lock(mutex_);
    const auto all_ended = [this] { return std::find(ended_.begin(), ended_.end(), false) == ended_.end(); };
    changed_.wait(lock, [&] { return failure_ || all_ended(); });
    while (!all_ended()) {
      const std::vector<bool> ended = ended_;
      lock.unlock();
      for (std::size_t part = 0; part < ended.size(); ++part) {
        if (!ended[part]) cancellers_[part]();
      }
      lock.lock();
      changed_.wait_for(lock, kAgain, all_ended);
    }
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const std::vector<std::function<void()>> cancellers_;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<bool> ended_;
  std::exception_ptr failure_;
};

}  // namespace

ExtractStats extract_parts(SourceReader& reader, const settings::Source& source, const std::string& application_name,
                           const settings::Model& model, const std::vector<data::SourceColumn>& all_columns,
                           const std::vector<std::size_t>& columns, const data::SourceColumn& time_column,
                           const std::vector<StreamPart>& parts) {
  if (parts.empty()) throw std::logic_error("an extraction of no parts");
  if (parts.size() == 1) {
    return reader.extract(model, all_columns, columns, time_column, parts[0].filter, parts[0].row_set, parts[0].sinks);
  }
  std::vector<SourceReader> others;
  std::vector<std::function<void()>> cancellers{reader.canceller()};
  const std::string snapshot = reader.export_snapshot();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    others.emplace_back(source, application_name, snapshot);
    cancellers.push_back(others.back().canceller());
  }
  std::vector<ExtractStats> read(parts.size());
  Streams streams(std::move(cancellers));
  StoppableSink stoppable(streams.stopped());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      threads.emplace_back([&, i] {
        streams.run(i, [&] {
          std::vector<data::BatchSink*> sinks{&stoppable};
          sinks.insert(sinks.end(), parts[i].sinks.begin(), parts[i].sinks.end());
          SourceReader& own = i == 0 ? reader : others[i - 1];
          read[i] = own.extract(model, all_columns, columns, time_column, parts[i].filter, parts[i].row_set, sinks);
        });
      });
    }
    streams.wait();
  }
  ExtractStats out;
  for (const ExtractStats& part : read) {
    out.rows += part.rows;
    out.bytes += part.bytes;
  }
  return out;
}

}  // namespace retraind::source
