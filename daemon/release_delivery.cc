#include "daemon/release_delivery.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/error.h"
#include "core/base/failpoint.h"
#include "core/registry/artifacts.h"
#include "core/release/directory.h"
#include "core/release/webhook.h"
#include "daemon/log.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

steady_clock::duration to_steady(Duration duration) {
  return std::chrono::duration_cast<steady_clock::duration>(duration);
}

release::Announcement announcement_of(const runs::ClaimedRelease& claimed) {
  return {.id = claimed.id,
          .model = claimed.model_name,
          .version = claimed.version,
          .previous_version = claimed.previous_version,
          .kind = claimed.kind,
          .run = claimed.run,
          .promotion = claimed.promotion,
          .promoted_at = claimed.promoted_at,
          .actor = claimed.actor,
          .reason = claimed.reason,
          .artifact_sha256 = claimed.artifact_sha256};
}

}  // namespace

ReleaseDelivery::ReleaseDelivery(Context& context, runs::ClaimedRelease release)
    : context_(context),
      release_(std::move(release)),
      announcement_(announcement_of(release_)),
      lease_time_(context.settings->daemon.lease_time),
      command_(context),
      lease_timer_(context.io),
      timeout_timer_(context.io),
      retry_timer_(context.io),
      lease_trusted_until_(steady_clock::now() + to_steady(lease_time_)),
      activity_(context.progress, fmt::format("release {}", number(release_.id))) {}

asio::awaitable<void> ReleaseDelivery::execute() {
  const auto self = shared_from_this();
  asio::co_spawn(context_.io, renew_lease_until_ended(), asio::detached);
  asio::co_spawn(context_.io, await_timeout(), asio::detached);
  activity_.mark("being delivered", release_.settings.timeout + kBulkTime);
  try {
    failpoint("before_delivery", to_text(release_.target));
    co_await deliver();
    failpoint("after_delivery", to_text(release_.target));
    delivered_ = true;
  } catch (const Error& error) {
    detail_ = error.message_with_hint();
  } catch (const std::exception& error) {
    detail_ = error.what();
  }
  if (!delivered_ && stop_ == Stop::timed_out && release_.target == ReleaseTarget::directory) {
    detail_ = fmt::format("it took longer than {} (release.timeout): {}", format_duration(release_.settings.timeout),
                          detail_);
  }
  if (!delivered_ && stop_ == Stop::lease_lost) detail_ = "its lease was lost meanwhile: " + detail_;
  if (!delivered_ && stop_ == Stop::abandoned) detail_ = "the daemon was stopped meanwhile: " + detail_;
  told_ = true;
  timeout_timer_.cancel();
  activity_.mark("being recorded", lease_time_ + kBulkTime);
  co_await record();
  ended_ = true;
  lease_timer_.cancel();
}

asio::awaitable<void> ReleaseDelivery::deliver() {
  switch (release_.target) {
    case ReleaseTarget::directory:
      co_await run_blocking(context_.pool, [this] { deliver_directory(); });
      break;
    case ReleaseTarget::command:
      co_await deliver_command();
      break;
    case ReleaseTarget::webhook:
      co_await run_blocking(context_.pool, [this] { deliver_webhook(); });
      break;
  }
}

void ReleaseDelivery::deliver_directory() {
  std::string artifact;
  context_.registry.transact("load artifact", [&](store::Transaction& transaction) {
    artifact = registry::load_artifact(transaction, release_.artifact_sha256);
  });
  // What a daemon that has lost its lease still wrote does no harm; but it must not move `current` back.
  const auto before_switch = [this] {
    if (!renew_lease()) throw TransientError("another daemon delivers it by now; `current` stays as it was");
  };
  detail_ = release::export_version(release_.settings.directory, announcement_, artifact, stop_source_.get_token(),
                                    before_switch);
}

void ReleaseDelivery::deliver_webhook() {
  release::WebhookRequest request;
  request.url = release_.settings.webhook;
  if (!release_.settings.webhook_secret_file.empty()) {
    request.secret = release::read_secret(release_.settings.webhook_secret_file);
  }
  request.attempt = release_.attempt;
  TimePoint now;
  context_.registry.transact("time of the request",
                             [&](store::Transaction& transaction) { now = runs::registry_now(transaction); });
  request.unix_seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  request.timeout = release_.settings.timeout;
  detail_ = release::post_webhook(request, announcement_, stop_source_.get_token());
}

asio::awaitable<void> ReleaseDelivery::deliver_command() {
  const std::string& program = release_.settings.on_promote.at(0);
  co_await command_.run(release_.settings.on_promote, announcement_);
  const std::string words = command_.last_words();
  const std::string said = words.empty() ? "" : "; it said: " + words;
  const Exit& exit = command_.exit();
  if (stop_ == Stop::timed_out) {
    throw TransientError(fmt::format("the command {} took longer than {} (release.timeout) and was ended ({}){}",
                                     program, format_duration(release_.settings.timeout), exit.text(), said));
  }
  if (stop_ != Stop::none)
    throw TransientError(fmt::format("the command {} was ended ({}){}", program, exit.text(), said));
  if (exit.signal || exit.code != 0) {
    throw TransientError(fmt::format("the command {} ended with {}{}", program, exit.text(), said));
  }
  detail_ = exit.text() + said;
}

asio::awaitable<void> ReleaseDelivery::record() {
  bool held = false;
  bool recorded = false;
  bool in_doubt = false;  // a COMMIT's reply was lost: what is not ours any more may be so because it is recorded
  std::string failed;
  // Tried again while the lease lasts: a delivery that nobody knows of is made once more. The registry refuses what
  // comes after somebody else has taken it over.
  while (!recorded) {
    try {
      co_await run_blocking(context_.pool, [this, &held] {
        context_.registry.transact("record delivery", [&](store::Transaction& transaction) {
          held = runs::record_delivery(transaction, context_.executor, release_, delivered_, detail_,
                                       runs::registry_now(transaction));
        });
      });
      recorded = true;
    } catch (const InDoubtError& error) {
      in_doubt = true;
      failed = error.what();
    } catch (const std::exception& error) {
      failed = error.what();
    }
    if (recorded || context_.stopping || stop_ == Stop::lease_lost) break;
    retry_timer_.expires_after(std::min<steady_clock::duration>(std::chrono::seconds(1), to_steady(lease_time_) / 6));
    boost::system::error_code ignored;
    co_await retry_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (steady_clock::now() >= lease_trusted_until_) break;
  }
  context_.metrics.delivered(release_.target, delivered_);
  const std::string name =
      fmt::format("release {} ({}, v{})", number(release_.id), to_text(release_.target), release_.version);
  if (!recorded) {
    log_event(
        Event::release_unrecorded,
        fmt::format("{} could not be recorded: {}; its lease expires and it may be delivered again", name, failed),
        {{"model", release_.model_name}});
  } else if (!held && !in_doubt) {
    log_event(Event::release_overtaken,
              fmt::format("{} was not recorded: somebody else has taken it over or settled it meanwhile", name),
              {{"model", release_.model_name}});
  } else if (delivered_) {
    log_event(Event::release_delivered, fmt::format("{} delivered: {}", name, detail_),
              {{"model", release_.model_name}});
  } else {
    log_event(Event::release_failed,
              fmt::format("{} failed at attempt {}: {}; it is tried again, and production stays as it is", name,
                          release_.attempt, detail_),
              {{"model", release_.model_name}});
  }
}

bool ReleaseDelivery::renew_lease() {
  bool held = false;
  context_.registry.transact("renew release lease", [&](store::Transaction& transaction) {
    held = runs::renew_release_lease(transaction, release_, lease_time_, runs::registry_now(transaction));
  });
  return held;
}

asio::awaitable<void> ReleaseDelivery::renew_lease_until_ended() {
  const auto self = shared_from_this();
  const auto margin = to_steady(lease_time_) / 6;
  auto pause = to_steady(lease_time_) / 3;
  while (!ended_) {
    lease_timer_.expires_after(pause);
    boost::system::error_code ignored;
    co_await lease_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if (ended_) break;
    const auto asked = steady_clock::now();
    bool held = false;
    bool answered = false;
    try {
      co_await run_blocking(context_.pool, [this, &held] { held = renew_lease(); });
      answered = true;
    } catch (const std::exception& error) {
      log_event(Event::lease_not_renewed,
                fmt::format("the lease of release {} could not be renewed: {}", number(release_.id), error.what()),
                {{"model", release_.model_name}});
    }
    if (ended_) break;
    if (answered && held) lease_trusted_until_ = asked + to_steady(lease_time_);
    if ((answered && !held) || steady_clock::now() + margin >= lease_trusted_until_) {
      stop(Stop::lease_lost);
      break;
    }
    pause = answered ? to_steady(lease_time_) / 3 : to_steady(lease_time_) / 12;
  }
}

asio::awaitable<void> ReleaseDelivery::await_timeout() {
  const auto self = shared_from_this();
  if (told_ || release_.target == ReleaseTarget::webhook) co_return;  // a request has a timeout of its own
  timeout_timer_.expires_after(to_steady(release_.settings.timeout));
  boost::system::error_code error;
  co_await timeout_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  if (!error && !told_) stop(Stop::timed_out);
}

void ReleaseDelivery::stop(Stop why) {
  // A lost lease outweighs what came before it: nothing may be recorded any more.
  if (ended_ || (stop_ != Stop::none && why != Stop::lease_lost)) return;
  stop_ = why;
  stop_source_.request_stop();
  command_.end(why == Stop::lease_lost);
}

}  // namespace retraind::daemon
