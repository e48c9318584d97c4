#pragma once
// How the lines of tests/scenarios are taken apart. Everything throws std::runtime_error for what is not in the form.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/settings/settings.h"
#include "core/stats/interval.h"

namespace retraind::trigger::scenario {

using Words = std::vector<std::string>;

Words split_line(const std::string& line);
std::string joined(const Words& words);

// The parts between the separators; one empty part for an empty text.
Words split_at(const std::string& text, char separator);

std::uint64_t number(const std::string& word);
int count(const std::string& word);
double real(const std::string& word);
Duration duration(const std::string& word);

// ".71" or ".71[.68,.74]".
stats::Interval interval(const std::string& word);

// "2", "2 of 3" or "10min".
void read_for(const std::string& word, settings::Patience& patience);

template <class E>
E one_of(const std::string& word) {
  const auto value = parse<E>(word);
  if (!value) throw std::runtime_error("\"" + word + "\" is not " + list_words<E>());
  return *value;
}

}  // namespace retraind::trigger::scenario
