#include "core/pipeline/try_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/split.h"
#include "core/data/validation.h"
#include "core/pipeline/candidate.h"
#include "core/pipeline/extraction.h"
#include "core/pipeline/judging.h"
#include "core/pipeline/result.h"
#include "core/pipeline/window.h"
#include "core/source/source.h"
#include "core/train/command_call.h"

namespace retraind::pipeline {
namespace {

// What a sample is held out by where the configuration says so in time: it may span less than that.
constexpr double kHoldoutShare = 0.2;

constexpr std::uint64_t kManyMore = 4;

// Whatever goes by the size or the past of the real window says nothing of a sample.
settings::Model for_a_sample(settings::Model model) {
  settings::Training& training = model.training;
  training.sample_rows.reset();
  training.search.reset();
  training.warm_start = false;
  training.keep_data = false;
  training.embargo = Duration::zero();
  if (!std::holds_alternative<settings::HoldoutShare>(training.holdout)) {
    training.holdout = settings::HoldoutShare{kHoldoutShare};
  }
  if (training.trainer != "command") training.rounds = std::min(training.rounds, kTryOutRounds);
  model.data.min_rows.reset();
  model.data.max_row_change.reset();
  return model;
}

std::string plural(std::uint64_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

class Attempt {
 public:
  Attempt(const settings::Model& model, const settings::Source& source, std::uint64_t rows,
          const TryOutSurroundings& surroundings)
      : configured_(model), model_(for_a_sample(model)), source_(source), rows_(rows), surroundings_(surroundings) {
    out_.metric = model.validation.metric;
  }

  TryOut run() {
    say_what_is_left_out();
    read() &&
        step(
            "data", "", [this] { return look_at_rows(); }, Failing::goes_on) &&
        step("split", kSmall, [this] { return split_and_prepare(); }) && train() &&
        step("score", "", [this] { return score(); }) && step("measure", kSmall, [this] { return measure(); });
    return std::move(out_);
  }

 private:
  enum class Failing { stops, goes_on };
  static constexpr std::string_view kSmall = "if the sample is too small for this, try more rows (--rows)";

  // Runs `body`, which returns a sentence or throws. False where nothing can follow.
  template <class Body>
  bool step(const char* name, std::string_view advice, const Body& body, Failing failing = Failing::stops) {
    const Duration began = surroundings_.clock();
    TriedStep done{.name = name, .passed = false, .took = Duration::zero(), .sentence = {}, .hint = {}};
    const auto fails = [&](std::string_view what, const std::string& hint) {
      done.sentence = what;
      done.hint = hint;
      if (!advice.empty()) done.hint += (hint.empty() ? "" : "; ") + std::string(advice);
    };
    try {
      done.sentence = body();
      done.passed = true;
    } catch (const UnreachableError& error) {
      out_.unreachable = true;
      fails(error.what(), error.hint());
      failing = Failing::stops;
    } catch (const Error& error) {
      fails(error.what(), error.hint());
    } catch (const std::system_error& error) {
      fails(error.what(), "check the free space below " + surroundings_.folder.string());
      failing = Failing::stops;
    }
    done.took = surroundings_.clock() - began;
    const bool goes_on = done.passed || failing == Failing::goes_on;
    out_.steps.push_back(std::move(done));
    if (surroundings_.on_step) surroundings_.on_step(out_.steps.back());
    return goes_on;
  }

  // Its connection is closed before anything is trained: what a command might find open is not there.
  bool read() {
    std::optional<source::SourceReader> reader;
    return step("columns", "",
                [&] {
                  reader.emplace(source_, "retraind check");
                  return look_at_columns(*reader);
                }) &&
           step("rows", "", [&] { return extract(*reader); });
  }

  std::string look_at_columns(source::SourceReader& reader) {
    columns_ = reader.describe(model_.query, model_.features);
    take_findings(data::validate_schema(columns_, model_, std::nullopt));
    roles_ = data::assign_roles(columns_, model_);
    out_.features = roles_.features.size();
    return fmt::format("{} of {}: {} by {}, predicted from {}", plural(data::read_order(roles_).size(), "column"),
                       columns_.size(), model_.label, model_.time_column, plural(out_.features, "feature"));
  }

  std::string extract(source::SourceReader& reader) {
    const data::SourceColumn& time_column = columns_[roles_.time];
    const auto anchor = find_anchor(reader, model_, time_column, model_.label_delay, surroundings_.now);
    if (!anchor) throw DataError("the query returns no row up to now", "check the query and its time column");
    const Sample sample = choose_sample(reader, time_column, training_extent(reader, model_, time_column, *anchor));
    extracted_ = extract_rows(reader, model_, columns_, roles_, sample.extent, {.keep = std::nullopt, .on_rows = {}});
    out_.rows = extracted_.table.rows;
    const auto& times = extracted_.table.event_times;
    const TimeAxis axis = sample.extent.axis;
    const std::string rows = plural(out_.rows, "labelled row");
    return fmt::format("{}, from {} to {}",
                       sample.of ? fmt::format("{} drawn from {}", rows, *sample.of) : "the newest " + rows,
                       format_event_time(axis, times.front()), format_event_time(axis, times.back()));
  }

  struct Sample {
    Extent extent;
    std::optional<std::uint64_t> of;  // drawn from so many rows; absent: all of the extent
  };

  // Whole event times are read or left. Where a few of them have many more rows than are wanted, rows are drawn from
  // them; where one alone has so many, from the whole window, since a single event time cannot be cut in two.
  Sample choose_sample(source::SourceReader& reader, const data::SourceColumn& time_column, const Extent& window) {
    Sample out{.extent = window, .of = std::nullopt};
    source::RowFilter& filter = out.extent.filter;
    if (filter.newest_rows && *filter.newest_rows <= rows_) return out;
    const auto cut = reader.nth_newest_event(model_, time_column, filter.until, true, rows_);
    if (!cut) return out;
    if (cut != reader.newest_event(model_, time_column, filter.until, true)) {
      const EventTime before = just_before(out.extent.axis, *cut);
      filter.after = filter.after ? std::max(*filter.after, before) : before;
      filter.newest_rows.reset();
    }
    const std::uint64_t there = reader.count_rows(model_, time_column, filter);
    if (there <= kManyMore * rows_) return out;
    out.of = there;
    out.extent.sample_share = static_cast<double>(rows_) / static_cast<double>(there);
    return out;
  }

  // Remembers them all, and throws when one of them would stop a run.
  void take_findings(std::vector<data::Finding> findings) {
    const bool stops = std::any_of(findings.begin(), findings.end(), [](const auto& finding) { return finding.stops; });
    const std::string why = data::why_stopped(findings);
    out_.findings.insert(out_.findings.end(), findings.begin(), findings.end());
    if (stops) throw DataError("a run would stop here: " + why, "mend the rows, or the rules in [data]");
  }

  data::Split split() {
    const settings::Training& training = model_.training;
    return training.entity ? data::split_by_entity(extracted_.table, training.holdout)
                           : data::split_by_time(extracted_.table, training.holdout);
  }

  // Rows of one event time cannot be cut in two, which the next step says; they can be looked at all the same.
  std::string look_at_rows() {
    const data::Table& table = extracted_.table;
    const EventTime newest = table.event_times.back();
    const EventTime oldest = table.event_times.front();
    data::Split all{.train_begin = 0,
                    .train_end = table.rows,
                    .holdout_begin = table.rows,
                    .holdout_end = table.rows,
                    .trained_from = oldest,
                    .trained_to = newest};
    const std::size_t before = out_.findings.size();
    take_findings(data::validate_rows(table, all, model_, std::nullopt,
                                      {.after = just_before(extracted_.extent.axis, oldest),
                                       .until = newest,
                                       .sample_share = extracted_.extent.sample_share},
                                      surroundings_.now));
    const std::size_t found = out_.findings.size() - before;
    return found == 0 ? "nothing was found to be wrong" : plural(found, "finding") + ", none of which stops a run";
  }

  std::string split_and_prepare() {
    split_ = split();
    out_.train_rows = split_.train_end - split_.train_begin;
    out_.holdout_rows = split_.holdout_end - split_.holdout_begin;
    preparation_ =
        data::Preparation::fit(extracted_.table, split_.train_begin, split_.train_end, model_, out_.warnings);
    std::string classes;
    for (const std::string& label : preparation_.classes()) classes += (classes.empty() ? "" : ", ") + label;
    return fmt::format("{} to train on and {} held out{}", plural(out_.train_rows, "row"), out_.holdout_rows,
                       classes.empty() ? "" : "; classes " + classes);
  }

  bool train() {
    const bool is_command = model_.training.trainer == "command";
    const bool trained = step("train", "", [&] {
      TrainingPlan plan{.rows = {split_.train_begin, split_.train_end},
                        .compare = {split_.holdout_begin, split_.holdout_end},
                        .preparation = preparation_,
                        .model = model_,
                        .previous = {},
                        .data_sha256 = extracted_.data_sha256,
                        .folder = surroundings_.folder,
                        .on_progress = {},
                        .on_output = [this](std::string_view line) { take_line(line); }};
      candidate_ = train_and_package(extracted_.table, std::move(plan), out_.warnings);
      out_.trainer = candidate_.trainer;
      out_.artifact_bytes = candidate_.artifact_bytes;
      const std::uint64_t rows = out_.train_rows - candidate_.left_out;
      if (is_command) return fmt::format("{}, on {}", candidate_.trainer, plural(rows, "row"));
      return fmt::format("{}, {} of {} rounds on {}", candidate_.trainer, model_.training.rounds,
                         configured_.training.rounds, plural(rows, "row"));
    });
    return trained && step(
                          "package", "", [this] { return look_at_package(); }, Failing::goes_on);
  }

  void say_what_is_left_out() {
    const settings::Training& training = configured_.training;
    if (training.search) out_.warnings.emplace_back("training.search is not tried on a sample: only a run tells");
    if (training.warm_start) {
      out_.warnings.emplace_back("training.warm_start is not tried on a sample, which is trained from nothing");
    }
  }

  void take_line(std::string_view line) {
    if (surroundings_.on_output) surroundings_.on_output(line);
    // How far it has come is no news afterwards, and would take the place of lines that say more.
    if (train::progress_in(line)) return;
    if (out_.output.size() == kTryOutLines) out_.output.erase(out_.output.begin());
    out_.output.emplace_back(line);
  }

  std::string look_at_package() {
    const auto most = configured_.validation.max_artifact_bytes;
    if (candidate_.package_differs > 0) {
      throw DataError(fmt::format("the model predicts {} of {} rows otherwise the second time, out of its package",
                                  candidate_.package_differs, candidate_.package_compared),
                      "the same rows must get the same predictions: no random numbers, no clock, no state outside of "
                      "model/");
    }
    if (most && candidate_.artifact_bytes > *most) {
      throw DataError(fmt::format("the artifact takes {}, more than max_artifact_size = {}",
                                  format_bytes(candidate_.artifact_bytes), format_bytes(*most)),
                      "make the model smaller, or raise validation.max_artifact_size");
    }
    return fmt::format("{}, opened again; it predicts {} as the model did", format_bytes(candidate_.artifact_bytes),
                       plural(candidate_.package_compared, "row"));
  }

  std::string score() {
    const data::Preparation& own = candidate_.scorer.preparation;
    predictions_ = candidate_.scorer.predict(extracted_.table, split_.holdout_begin, split_.holdout_end);
    const std::size_t width = own.task() == Task::multiclass ? own.classes().size() : 1;
    const auto facts = evaluate::look_at_predictions(own.task(), width, predictions_, candidate_.labels);
    if (facts.invalid > 0) {
      throw DataError(fmt::format("{} of {} predictions are none: {}", facts.invalid, facts.rows, facts.first_invalid));
    }
    if (facts.constant) {
      out_.warnings.push_back(fmt::format("all {} held-out rows are predicted alike", facts.rows));
    }
    if (facts.out_of_range > 0) {
      out_.warnings.push_back(
          fmt::format("{} of {} predictions lie far beyond the labels trained on, which go from {} "
                      "to {}",
                      facts.out_of_range, facts.rows, format_number(facts.label_low), format_number(facts.label_high)));
    }
    return plural(out_.holdout_rows, "row") + " predicted";
  }

  std::string measure() {
    const evaluate::Holdout holdout =
        make_holdout(extracted_.table, split_.holdout_begin, split_.holdout_end, candidate_.scorer.preparation,
                     predictions_, Opponents{}, candidate_.labels, model_);
    const settings::Validation& validation = model_.validation;
    const evaluate::Comparison comparison = evaluate::compare(holdout, evaluate::Opponent::baseline, validation,
                                                              validation.confidence, model_.training.seed);
    out_.value = comparison.candidate_value;
    out_.baseline = comparison.opponent_value;
    if (!out_.value) {
      throw DataError(
          fmt::format("{} has no value on these {}", to_text(out_.metric), plural(out_.holdout_rows, "held-out row")));
    }
    return fmt::format("{} {}{}", to_text(out_.metric), format_number(*out_.value),
                       out_.baseline ? fmt::format(", the trivial baseline {}", format_number(*out_.baseline)) : "");
  }

  const settings::Model& configured_;
  settings::Model model_;
  const settings::Source& source_;
  std::uint64_t rows_;
  const TryOutSurroundings& surroundings_;
  std::vector<data::SourceColumn> columns_;
  data::Roles roles_;
  Extraction extracted_;
  data::Split split_;
  data::Preparation preparation_;
  Candidate candidate_;
  std::vector<double> predictions_;
  TryOut out_;
};

}  // namespace

bool TryOut::passed() const {
  return !steps.empty() && std::all_of(steps.begin(), steps.end(), [](const TriedStep& step) { return step.passed; }) &&
         steps.back().name == "measure";
}

TryOut try_out(const settings::Model& model, const settings::Source& source, std::uint64_t rows,
               const TryOutSurroundings& surroundings) {
  return Attempt(model, source, rows, surroundings).run();
}

}  // namespace retraind::pipeline
