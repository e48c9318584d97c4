#pragma once
// Under which name this process signs its work. Any thread.

#include <string>

namespace retraind::daemon {

// Where daemon.instance does not say: what RETRAIND_INSTANCE says (retraind@.service sets it, so that two daemons of
// one machine are not taken for each other), else the name of the host.
std::string default_instance();

}  // namespace retraind::daemon
