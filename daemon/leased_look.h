#pragma once
// A look under a lease: from begin() to end() the lease is renewed every third of its time, and when somebody else has
// it, or the question is gone, the worker that looks is stopped. Unlike a run's, such a lease does not fence the worker
// by the clock: what a look finds is written under the lease's term, so one made in vain changes nothing.
//
// One kind of work derives from it for each kind of lease. Held by shared_ptr, by whoever awaits the look; used on the
// thread of the io_context.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "core/base/time.h"
#include "daemon/context.h"
#include "daemon/look_process.h"

namespace retraind::daemon {

class LeasedLook : public std::enable_shared_from_this<LeasedLook> {
 public:
  // `name` is that of the look's folder, unique among the looks of this daemon.
  LeasedLook(Context& context, std::string name)
      : look(context, std::move(name)), context_(context), timer_(context.io) {}
  virtual ~LeasedLook() = default;
  LeasedLook(const LeasedLook&) = delete;
  LeasedLook& operator=(const LeasedLook&) = delete;

  void begin();
  void end();

  LookProcess look;

 private:
  // On a thread of the pool, inside the caller's transaction. False: the lease is another's by now.
  virtual bool renew(store::Transaction& transaction, Duration lease_time, TimePoint now) = 0;
  virtual void tell_not_renewed(const std::string& why) const = 0;
  boost::asio::awaitable<void> renew_until_ended();

  Context& context_;
  boost::asio::steady_timer timer_;
  bool ended_ = false;
};

}  // namespace retraind::daemon
