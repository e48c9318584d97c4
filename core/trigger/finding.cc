#include "core/trigger/finding.h"

#include <boost/json.hpp>

#include "core/trigger/wording.h"

namespace retraind::trigger {

namespace json = boost::json;

Finding find(const settings::NewRowsTrigger& rule, const NewRowsObservation& seen) {
  Finding finding;
  finding.evidence = {{"rows", seen.rows}, {"threshold", rule.rows}};
  if (seen.rows >= rule.rows) {
    finding.holds = Holds::yes;
    finding.sentence = counted(seen.rows, "new labelled row") + ", and " + grouped(rule.rows) + " are enough";
  }
  return finding;
}

Finding find(const PipelineObservation& seen) {
  Finding finding;
  finding.evidence = {{"pipeline_sha256", seen.pipeline_sha256},
                      {"judged_sha256", seen.judged_sha256 ? json::value(*seen.judged_sha256) : json::value(nullptr)}};
  if (seen.judged_sha256 == seen.pipeline_sha256) return finding;
  finding.holds = Holds::yes;
  const auto start_of = [](const std::string& sha256) { return sha256.substr(0, 12); };
  finding.sentence = seen.judged_sha256 ? "the pipeline changed from " + start_of(*seen.judged_sha256) + " to " +
                                              start_of(seen.pipeline_sha256) + " and has not been judged yet"
                                        : "the pipeline " + start_of(seen.pipeline_sha256) +
                                              " is the first and has not been judged yet";
  return finding;
}

}  // namespace retraind::trigger
