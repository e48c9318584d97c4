#pragma once
// Puts candidate and opponents on one holdout: the same rows, the same labels, the same classes, and only rows that
// none of them was trained on. Pure but for what the models compute. In a worker only.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/data/split.h"
#include "core/data/table.h"
#include "core/evaluate/compare.h"
#include "core/evaluate/facts.h"
#include "core/pipeline/opponents.h"
#include "core/pipeline/scorer.h"
#include "core/settings/settings.h"

namespace retraind::pipeline {

// Throws DataError for a version that was trained on another time axis than the table's: what was trained up to a
// number is neither older nor newer than an instant.
void require_same_axis(const data::Table& table, const JobVersion& version);

// The first row of the holdout that no opponent was trained on. `held_out` says by which column and share the holdout
// was cut out of the entities (held_out_entities); nullopt: it is the newest rows. Entities that are held out by the
// same column and share were never trained on by a version that held them out too; for every other version, and in
// every other holdout, rows are fresh after the newest one it was trained on. Throws what
// require_same_axis throws.
std::size_t first_row_fresh_for_all(const data::Table& table, const data::Split& split, const Opponents& opponents,
                                    const std::optional<std::string>& held_out, Duration embargo);

// The last event time that is not fresh for a version trained up to `trained_to`: rows less than the embargo newer are
// not, as they are for the candidate's own holdout.
EventTime stale_to(EventTime trained_to, Duration embargo);

// Opponents that know other classes of a binary label answer another question: throws DataError for production; a
// stand-in or an anchor is let go, which is noted in `opponents`.
void require_same_question(Opponents& opponents, const data::Preparation& candidate);

// Rows [begin, end) of the table. `predictions` are the candidate's for them. Against the baseline when `opponents` has
// no opponent: then `training_labels` are what it is learned from. What the opponents' models took is added to `time`.
evaluate::Holdout make_holdout(const data::Table& table, std::size_t begin, std::size_t end,
                               const data::Preparation& candidate, std::vector<double> predictions,
                               const Opponents& opponents, const std::vector<float>& training_labels,
                               const settings::Model& model, PredictionTime* time = nullptr);

// A version's features as whoever serves it must hand them over.
std::vector<evaluate::SignatureColumn> signature_of(const data::Preparation& preparation);

}  // namespace retraind::pipeline
