#pragma once
// What the configuration exposes, told from the outside of what it names: who could change its files, the commands it
// has run, and who could read the secrets it points to or what travels over its connections. load() judges what stands
// in the files; this judges the machine they stand on. Looks at files and at the environment, connects to nothing.
// Thread-safe.

#include <cstdint>

#include "core/settings/load.h"
#include "core/settings/transport.h"

namespace retraind::settings {

// Who asks, and where.
struct Circumstances {
  bool as_service = false;  // the service manager started this process
  std::uint32_t user = 0;   // the effective user id
  LibpqSurroundings libpq;
};

// Adds to `loaded`, each with its place in the files, what must not be and what should not be:
//
//                                                          complaint                         else a warning
//   a command that others than root could change           by security.root_owned_commands   warning
//   a file of the configuration, or a state_dir, that
//     others could change                                  as a service                      warning
//   a remote connection, or http:// to another machine,
//     that is not verified                                 with security.require_tls         warning
//   a passfile, a key or a webhook's secret that others
//     could read                                           always: libpq and retraind do not use such files
//   a secret-looking variable for a trainer                                                  warning
//
// Whether there are complaints already does not matter: what was read is judged.
void judge_security(Loaded& loaded, const Circumstances& circumstances);

// Whether commands must be in root's hands here.
bool must_be_root_owned(const Security& security, bool as_service);

}  // namespace retraind::settings
