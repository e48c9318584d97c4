#include "core/base/error.h"
#include "core/pipeline/look.h"
#include "core/pipeline/result.h"
#include "core/pipeline/trial.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {

void result_file(std::string_view input) {
  try {
    const std::string once = pipeline::to_json(pipeline::result_from_json(input));
    require(pipeline::to_json(pipeline::result_from_json(once)) == once, "a result is read back as it was");
  } catch (const DataError&) {
  }
}

void look_file(std::string_view input) {
  try {
    (void)pipeline::look_outcome_from_json(input);
  } catch (const DataError&) {
  }
  try {
    (void)pipeline::trial_look_from_json(input);
  } catch (const DataError&) {
  }
}

}  // namespace retraind::fuzz
