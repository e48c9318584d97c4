#include "daemon/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <sstream>
#include <stdexcept>

#include "core/base/error.h"
#include "daemon/process_metrics.h"

namespace retraind {
namespace {

constexpr std::array<std::string_view, 7> kLoops = {"monitors", "runs",   "trials",   "scorings",
                                                    "releases", "upkeep", "listening"};
constexpr std::array<std::string_view, 12> kEnds = {
    "promoted",  "awaiting_approval", "shadowing", "rejected",    "inconclusive", "failed",
    "cancelled", "judge_again",       "try_again", "handed_back", "lease_lost",   "unrecorded"};
constexpr std::array<std::string_view, 6> kFailures = {"unreachable", "in_doubt", "transient",
                                                       "refused",     "data",     "bug"};
constexpr std::array<std::string_view, 2> kReaders = {"run", "look"};
static_assert(static_cast<std::size_t>(daemon::LoopName::listening) + 1 == kLoops.size());
static_assert(static_cast<std::size_t>(daemon::AttemptEnd::unrecorded) + 1 == kEnds.size());
static_assert(static_cast<std::size_t>(daemon::FailureClass::bug) + 1 == kFailures.size());
static_assert(static_cast<std::size_t>(daemon::ReadBy::look) + 1 == kReaders.size());

}  // namespace

template <>
std::span<const std::string_view> words_of<daemon::LoopName>() {
  return kLoops;
}
template <>
std::span<const std::string_view> words_of<daemon::AttemptEnd>() {
  return kEnds;
}
template <>
std::span<const std::string_view> words_of<daemon::FailureClass>() {
  return kFailures;
}
template <>
std::span<const std::string_view> words_of<daemon::ReadBy>() {
  return kReaders;
}

namespace daemon {
namespace {

using Counters = prometheus::Family<prometheus::Counter>;
using Gauges = prometheus::Family<prometheus::Gauge>;
using Histograms = prometheus::Family<prometheus::Histogram>;

// Seconds: a step takes from a blink to a day.
const prometheus::Histogram::BucketBoundaries kStepBuckets = {0.05, 0.25, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400};
// A pass that waits for no worker is a few statements.
const prometheus::Histogram::BucketBoundaries kPassBuckets = {0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 600};

double in_seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}
double in_seconds(TimePoint instant) {
  return std::chrono::duration<double>(instant.time_since_epoch()).count();
}

Counters& counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
Gauges& gauges(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
Histograms& histograms(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

// A counter that is there from the start has an increase when it first counts; one that appears has none.
template <class E>
void begin_at_zero(Counters& family, const char* label) {
  for (const std::string_view word : words_of<E>()) family.Add({{label, std::string(word)}});
}
template <class A, class B>
void begin_at_zero(Counters& family, const char* first, const char* second) {
  for (const std::string_view a : words_of<A>()) {
    for (const std::string_view b : words_of<B>()) family.Add({{first, std::string(a)}, {second, std::string(b)}});
  }
}

prometheus::MetricFamily gauge(const char* name, const char* help, double value) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  return {name, help, prometheus::MetricType::Gauge, {metric}};
}

std::vector<prometheus::MetricFamily> families_of(const Metrics::Moment& now) {
  std::vector<prometheus::MetricFamily> out;
  out.push_back(gauge("retraind_ready", "1 when /readyz of this daemon says so, else 0.", now.ready ? 1 : 0));
  out.push_back(gauge("retraind_models_configured",
                      "Models in the configuration of this daemon; daemons of one registry may share them.",
                      static_cast<double>(now.models)));
  if (now.reload.at) {
    out.push_back(gauge("retraind_config_last_reload_successful",
                        "1 when this daemon took over the configuration that it read last, else 0.",
                        now.reload.ok ? 1 : 0));
  }
  if (now.reload.succeeded_at) {
    out.push_back(gauge("retraind_config_last_reload_success_timestamp_seconds",
                        "When this daemon last took over a configuration, in seconds since 1970 UTC.",
                        in_seconds(*now.reload.succeeded_at)));
  }
  if (now.last_write) {
    out.push_back(gauge("retraind_registry_last_write_timestamp_seconds",
                        "When a write of this daemon to the registry last succeeded, in seconds since 1970 UTC by the "
                        "registry's clock.",
                        in_seconds(*now.last_write)));
  }
  if (now.least_lease) {
    out.push_back(gauge("retraind_run_lease_left_seconds",
                        "Seconds until the first lease of a run in the hands of this daemon is trusted no more; absent "
                        "while there is no run. Its worker is killed before.",
                        in_seconds(*now.least_lease)));
  }
  return out;
}

}  // namespace

AttemptEnd attempt_end(RunState state) {
  const auto end = parse<AttemptEnd>(to_text(state));
  if (!end) throw std::logic_error("no attempt ends as " + std::string(to_text(state)));
  return *end;
}

FailureClass failure_class(const std::exception& error) {
  if (dynamic_cast<const UnreachableError*>(&error) != nullptr) return FailureClass::unreachable;
  if (dynamic_cast<const InDoubtError*>(&error) != nullptr) return FailureClass::in_doubt;
  if (dynamic_cast<const TransientError*>(&error) != nullptr) return FailureClass::transient;
  if (dynamic_cast<const ConfigError*>(&error) != nullptr) return FailureClass::refused;
  if (dynamic_cast<const DataError*>(&error) != nullptr) return FailureClass::data;
  return FailureClass::bug;
}

struct Metrics::Families {
  prometheus::Registry registry;

  Gauges& build = gauges(registry, "retraind_build_info", "1, labelled with the version of this daemon.");
  Counters& attempts_started =
      counters(registry, "retraind_run_attempts_started_total", "Attempts of runs that this daemon has begun.");
  Counters& attempts_ended = counters(registry, "retraind_run_attempts_ended_total",
                                      "Attempts of runs that left the hands of this daemon, by how they ended.");
  Gauges& in_hand = gauges(registry, "retraind_runs_in_hand", "Runs that this daemon is working on.");
  Histograms& steps =
      histograms(registry, "retraind_step_duration_seconds", "Seconds that each step of the runs of this daemon took.");
  Counters& rows = counters(registry, "retraind_source_read_rows_total",
                            "Rows that workers of this daemon read from sources, for runs or for looks at production.");
  Counters& bytes = counters(registry, "retraind_source_read_bytes_total",
                             "Bytes that workers of this daemon read from sources, as the COPY delivers them.");
  Counters& scored =
      counters(registry, "retraind_scored_rows_total", "Rows whose scores workers of this daemon wrote to sources.");
  Counters& evaluations = counters(registry, "retraind_trigger_evaluations_total",
                                   "Evaluations of triggers by this daemon, by the trigger's kind.");
  Counters& decisions = counters(registry, "retraind_trigger_decisions_total",
                                 "Decisions of triggers recorded by this daemon, by kind and decision; decision "
                                 "\"fired\" started a run. Quiet evaluations decide nothing.");
  Counters& trials = counters(registry, "retraind_trials_ended_total",
                              "Shadows and bakes that ended at a look of this daemon, by outcome.");
  Counters& deliveries = counters(registry, "retraind_release_deliveries_total",
                                  "Announcements of promotions that this daemon tried to deliver, by target.");
  Counters& registry_errors =
      counters(registry, "retraind_registry_errors_total",
               "Transactions of this daemon that failed at the registry, by what that means: unreachable, in_doubt (a "
               "lost reply to COMMIT), transient, refused (a permission or part of the schema), data, bug.");
  Counters& source_errors = counters(registry, "retraind_source_errors_total",
                                     "Readings of sources that failed for this daemon or its workers, by source and "
                                     "by what that means, as above.");
  Counters& passes = counters(registry, "retraind_loop_passes_total", "Passes of the loops of this daemon.");
  Histograms& pass_seconds =
      histograms(registry, "retraind_loop_pass_duration_seconds",
                 "Seconds that each pass of a loop of this daemon took; trials and scorings wait for a worker.");
  Counters& requests = counters(registry, "retraind_http_requests_total",
                                "HTTP requests that this daemon answered, by page and status.");
  Gauges& connections = gauges(registry, "retraind_http_connections", "HTTP connections that this daemon has open.");
  Counters& refused = counters(registry, "retraind_http_connections_refused_total",
                               "HTTP connections that this daemon closed at once, because too many were open.");

  Families() {
    build.Add({{"version", RETRAIND_VERSION}}).Set(1);
    attempts_started.Add({});
    begin_at_zero<AttemptEnd>(attempts_ended, "outcome");
    in_hand.Add({});
    for (const std::string_view step : words_of<Step>()) steps.Add({{"step", std::string(step)}}, kStepBuckets);
    begin_at_zero<ReadBy>(rows, "reader");
    begin_at_zero<ReadBy>(bytes, "reader");
    scored.Add({});
    begin_at_zero<TriggerKind>(evaluations, "kind");
    begin_at_zero<TriggerKind, FiringDecision>(decisions, "kind", "decision");
    begin_at_zero<TrialKind, TrialOutcome>(trials, "kind", "outcome");
    for (const std::string_view target : words_of<ReleaseTarget>()) {
      for (const char* outcome : {"delivered", "failed"}) {
        deliveries.Add({{"target", std::string(target)}, {"outcome", outcome}});
      }
    }
    begin_at_zero<FailureClass>(registry_errors, "class");
    for (const std::string_view loop : words_of<LoopName>()) {
      for (const char* outcome : {"succeeded", "failed"}) {
        passes.Add({{"loop", std::string(loop)}, {"outcome", outcome}});
      }
      pass_seconds.Add({{"loop", std::string(loop)}}, kPassBuckets);
    }
    connections.Add({});
    refused.Add({});
  }
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::pass_ended(LoopName loop, std::chrono::steady_clock::time_point began, bool succeeded) {
  const std::string name(to_text(loop));
  families_->passes.Add({{"loop", name}, {"outcome", succeeded ? "succeeded" : "failed"}}).Increment();
  families_->pass_seconds.Add({{"loop", name}}, kPassBuckets)
      .Observe(in_seconds(std::chrono::steady_clock::now() - began));
}

void Metrics::attempt_started() {
  families_->attempts_started.Add({}).Increment();
  families_->in_hand.Add({}).Increment();
}

void Metrics::attempt_ended(AttemptEnd end) {
  families_->attempts_ended.Add({{"outcome", std::string(to_text(end))}}).Increment();
  families_->in_hand.Add({}).Decrement();
}

void Metrics::step_finished(Step step, Duration took) {
  families_->steps.Add({{"step", std::string(to_text(step))}}, kStepBuckets).Observe(in_seconds(took));
}

void Metrics::rows_read(ReadBy reader, std::uint64_t rows, std::uint64_t bytes) {
  const std::string name(to_text(reader));
  families_->rows.Add({{"reader", name}}).Increment(static_cast<double>(rows));
  families_->bytes.Add({{"reader", name}}).Increment(static_cast<double>(bytes));
}

void Metrics::rows_scored(std::uint64_t rows) {
  families_->scored.Add({}).Increment(static_cast<double>(rows));
}

void Metrics::trigger_evaluated(TriggerKind kind) {
  families_->evaluations.Add({{"kind", std::string(to_text(kind))}}).Increment();
}

void Metrics::trigger_decided(TriggerKind kind, FiringDecision decision) {
  families_->decisions.Add({{"kind", std::string(to_text(kind))}, {"decision", std::string(to_text(decision))}})
      .Increment();
}

void Metrics::trial_ended(TrialKind kind, TrialOutcome outcome) {
  families_->trials.Add({{"kind", std::string(to_text(kind))}, {"outcome", std::string(to_text(outcome))}}).Increment();
}

void Metrics::delivered(ReleaseTarget target, bool succeeded) {
  families_->deliveries.Add({{"target", std::string(to_text(target))}, {"outcome", succeeded ? "delivered" : "failed"}})
      .Increment();
}

void Metrics::registry_failed(FailureClass why) {
  families_->registry_errors.Add({{"class", std::string(to_text(why))}}).Increment();
}

void Metrics::source_failed(const std::string& source, FailureClass why) {
  families_->source_errors.Add({{"source", source}, {"class", std::string(to_text(why))}}).Increment();
}

void Metrics::request_answered(std::string_view page, unsigned status) {
  families_->requests.Add({{"page", std::string(page)}, {"code", std::to_string(status)}}).Increment();
}

void Metrics::connection_opened() {
  families_->connections.Add({}).Increment();
}
void Metrics::connection_closed() {
  families_->connections.Add({}).Decrement();
}
void Metrics::connection_refused() {
  families_->refused.Add({}).Increment();
}

std::string Metrics::text(const Moment& now) const {
  std::vector<prometheus::MetricFamily> all = families_->registry.Collect();
  for (prometheus::MetricFamily& family : families_of(now)) all.push_back(std::move(family));
  for (prometheus::MetricFamily& family : process_metrics()) all.push_back(std::move(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  return std::move(out).str();
}

}  // namespace daemon
}  // namespace retraind
