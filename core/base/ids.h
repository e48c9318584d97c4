#pragma once
// Identities that travel between modules. Distinct types, so that a run's id cannot be given where a model's is meant.

#include <compare>
#include <cstdint>
#include <string>

namespace retraind {

enum class ModelId : std::int64_t {};
enum class RunId : std::int64_t {};
enum class MonitorId : std::int64_t {};
enum class FiringId : std::int64_t {};
enum class PromotionId : std::int64_t {};
enum class TrialId : std::int64_t {};
enum class ReleaseId : std::int64_t {};

// Issued by the registry's sequence at every claim; grows for ever. A write that carries an old term is refused.
enum class LeaseTerm : std::int64_t {};

template <class Id>
constexpr std::int64_t number(Id id) {
  return static_cast<std::int64_t>(id);
}

}  // namespace retraind
