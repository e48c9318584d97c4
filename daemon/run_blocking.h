#pragma once
// The one bridge from coroutines to blocking work: runs a function on a thread of the pool and resumes the caller on
// its own executor. Everything that talks to a database or reads files goes through here, so that the loops never stand
// still.
//
// g++ 12 destroys some coroutine temporaries twice: a lambda that captures by value is one of them. The assertion lets
// only captures by reference (and trivial ones) pass; whatever is referred to must be a named object of the calling
// coroutine.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>

namespace retraind::daemon {

template <class F>
boost::asio::awaitable<void> call_there(F function) {
  function();
  co_return;
}

// Exceptions of the function come out of co_await. The function returns nothing: it fills a named object of the caller.
template <class F>
boost::asio::awaitable<void> run_blocking(boost::asio::thread_pool& pool, F function) {
  static_assert(std::is_trivially_destructible_v<F>,
                "capture by reference only: g++ 12 destroys coroutine temporaries twice");
  static_assert(std::is_void_v<std::invoke_result_t<F&>>, "fill a named object of the caller instead of returning one");
  co_await boost::asio::co_spawn(pool, call_there(function), boost::asio::use_awaitable);
}

}  // namespace retraind::daemon
