#include "daemon/exposition.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/runs/daemons.h"
#include "daemon/log.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;

constexpr auto kPageLife = std::chrono::seconds(1);
constexpr auto kReadEvery = std::chrono::seconds(5);
// Scrapers give up after ten seconds by default.
constexpr auto kReadPatience = std::chrono::seconds(2);
constexpr auto kFiguresLife = std::chrono::minutes(1);

Duration since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
}

}  // namespace

Exposition::Exposition(Context& context, std::function<std::optional<Duration>()> least_lease)
    : context_(context),
      least_lease_(std::move(least_lease)),
      made_(context.io, Clock::time_point::max()),
      read_(context.io) {}

asio::awaitable<void> Exposition::text(std::shared_ptr<const std::string>& page) {
  while (making_) {
    boost::system::error_code ignored;
    co_await made_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (!page_ || Clock::now() - made_at_ >= kPageLife) {
    making_ = true;
    std::exception_ptr problem;
    try {
      co_await make();
    } catch (...) {
      problem = std::current_exception();
    }
    making_ = false;
    made_.cancel();
    if (problem) std::rethrow_exception(problem);
  }
  page = page_;
}

asio::awaitable<void> Exposition::make() {
  if (!reading_ && (!tried_at_ || Clock::now() - *tried_at_ >= kReadEvery)) {
    reading_ = true;
    tried_at_ = Clock::now();
    asio::co_spawn(context_.io, read_registry(), asio::detached);
  }
  if (reading_) {
    read_.expires_after(kReadPatience);
    boost::system::error_code ignored;
    co_await read_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  const auto began = Clock::now();
  cost_.age.reset();
  if (read_at_ && began - *read_at_ < kFiguresLife) {
    cost_.age = std::chrono::duration_cast<std::chrono::seconds>(began - *read_at_);
  }
  const Metrics::Moment moment{
      .ready = context_.health.readiness(context_.stopping, context_.settings->daemon.poll_interval).well,
      .models = context_.settings->models.size(),
      .reload = context_.last_reload,
      .last_write = context_.health.last_write_at(),
      .least_lease = least_lease_()};
  std::string registry;
  if (cost_.age) registry = registry_text_;
  std::string out;
  co_await run_blocking(context_.pool, [this, &moment, &registry, &out] {
    out = context_.metrics.text(moment) + cost_text(cost_);
    out += registry;
  });
  cost_.page_took = since(began);
  cost_.page_bytes = out.size();
  page_ = std::make_shared<const std::string>(std::move(out));
  made_at_ = Clock::now();
}

asio::awaitable<void> Exposition::read_registry() {
  const std::shared_ptr<const settings::Settings> settings = context_.settings;
  const bool recount = settings != periods_of_;
  const auto began = Clock::now();
  std::map<std::string, Duration> periods;
  if (!recount) periods = periods_;
  std::string text;
  std::string failed;
  try {
    co_await run_blocking(context_.pool, [this, &settings, &recount, &periods, &text] {
      runs::RegistryFigures figures;
      context_.registry.transact("read figures", [&](store::Transaction& transaction) {
        figures = reader_.read(transaction, runs::registry_now(transaction));
      });
      if (recount) periods = schedule_periods(*settings, figures.at);
      text = registry_text(figures, periods);
    });
  } catch (const std::exception& error) {
    failed = error.what();
  }
  reading_ = false;
  cost_.read = failed.empty();
  if (failed.empty()) {
    cost_.reading_took = since(began);
    registry_text_ = std::move(text);
    read_at_ = Clock::now();
    periods_ = std::move(periods);
    periods_of_ = settings;
  } else {
    log_debug(fmt::format("figures for /metrics could not be read: {}", failed));
  }
  read_.cancel();
}

}  // namespace retraind::daemon
