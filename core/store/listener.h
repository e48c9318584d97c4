#pragma once
// Listens on NOTIFY channels over a connection of its own. A notification is only a hint that something is worth a
// look: nothing depends on one arriving, and whoever uses a Listener polls as well. Not thread-safe; owned by one loop.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace retraind::store {

struct Notification {
  std::string channel;
  std::string payload;
};

class Listener {
 public:
  // Connects and subscribes; blocks. Throws UnreachableError or TransientError.
  Listener(const std::string& conninfo, const std::vector<std::string>& channels);
  ~Listener();
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;

  // Becomes readable when there may be something for drain(). Belongs to the Listener; changes never.
  int socket() const;

  // What has arrived, without waiting. Throws TransientError when the connection is gone.
  std::vector<Notification> drain();

  // A round trip on the connection, which notices a dead peer. Blocks. Throws TransientError.
  void probe();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retraind::store
