#pragma once
// What must hold of a registry whatever has gone wrong around it: after every fault the same questions are asked, and
// each answer that should not be is a sentence with its values. Reads as a superuser and believes nothing that a
// constraint or a trigger of the schema should already have made sure of: a constraint that was dropped, a restore that
// went wrong or a mistake in the constraint itself would show here too. Writes nothing. Processes and folders are
// looked at by tests/support/leftovers.h.

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/test_database.h"

namespace retraind::testing {

struct InvariantBounds {
  // A lease may stay expired so long before somebody must have taken its row.
  std::chrono::milliseconds lease = std::chrono::seconds(10);
  // True: everything is said to have come to rest; what is still queued, running, due or waiting is wrong.
  bool settled = false;
};

// Empty when all is well. Throws std::runtime_error when the registry cannot be read at all.
std::vector<std::string> broken_invariants(TestConnection& registry, const InvariantBounds& bounds = {});

// One a line, for a test's message.
std::string in_lines(const std::vector<std::string>& sentences);

}  // namespace retraind::testing
