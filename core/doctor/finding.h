#pragma once
// What `retraind doctor` has to say: findings, each of one named check, and the catalogue of all checks there are.
// Facts are gathered elsewhere; judging them is pure. Thread-safe: values and pure functions.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::doctor {

// ok: as it should be. warning: it works, and somebody should know. problem: something is broken, or soon will be.
enum class Judgement { ok, warning, problem };

struct Finding {
  std::string check;  // a name of the catalogue
  Judgement judgement = Judgement::ok;
  std::string sentence;  // what was found, with values
  std::string remedy{};  // what to do about it; empty when it is ok
};

using Findings = std::vector<Finding>;

struct Check {
  std::string_view name;
  std::string_view looks_at;  // in half a sentence, for the page of all checks
};
// Every check that a Finding may name, in the order they are made; docs/doctor.md explains each.
std::span<const Check> catalogue();

Finding ok(std::string_view check, std::string sentence);
Finding warning(std::string_view check, std::string sentence, std::string remedy);
Finding problem(std::string_view check, std::string sentence, std::string remedy);

// The worst of them; ok when there is none.
Judgement worst(const Findings& findings);

// [{"check":…,"judgement":…,"sentence":…,"remedy":…}, …]
std::string to_json(const Findings& findings);

// "a, b and 3 more": at most `limit` of the names.
std::string listed(const std::vector<std::string>& names, std::size_t limit = 5);

}  // namespace retraind::doctor

namespace retraind {
template <>
std::span<const std::string_view> words_of<doctor::Judgement>();
}  // namespace retraind
