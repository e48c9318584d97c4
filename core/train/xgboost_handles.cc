#include "core/train/xgboost_handles.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cctype>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/train/training_set.h"
#include "core/train/utf8.h"
#include "core/train/xgboost_library.h"

namespace retraind::train::xgboost {
namespace {

thread_local std::vector<std::string> warnings;

// The library's own lines go nowhere but here: a worker's standard error is the run's log, and it is bounded.
void keep_warning(const char* line) {
  constexpr std::size_t kMostKept = 20;
  if (warnings.size() < kMostKept) warnings.push_back(plain_message(line));
}

void check(int code) {
  if (code != 0) throw DataError("xgboost: " + plain_message(library().XGBGetLastError()));
}

// Both settings belong to the calling thread. Verbosity 1 lets warnings through and nothing else.
void quieten() {
  check(library().XGBRegisterLogCallback(keep_warning));
  check(library().XGBSetGlobalConfig(R"({"verbosity": 1})"));
}

// NumPy's array interface, which the library reads matrices through.
std::string array_interface(const float* values, std::size_t rows, std::size_t columns) {
  return R"({"data": [)" + std::to_string(reinterpret_cast<std::uintptr_t>(values)) + R"(, true], "shape": [)" +
         std::to_string(rows) + ", " + std::to_string(columns) + R"(], "typestr": "<f4", "version": 3})";
}

// Hands the library the rows piece by piece, as often as it asks for another pass. It reads a piece only until it asks
// for the next one.
struct Pieces {
  std::size_t rows = 0;
  const TrainingMatrix::Piece& make;
  void* proxy = nullptr;
  std::size_t next_row = 0;
  data::Matrix piece{};
  std::string interface {};
  std::exception_ptr failure{};

  ~Pieces() {
    if (proxy != nullptr) library().XGDMatrixFree(proxy);
  }
  // 1: there is a piece; 0: that was all. No exception may pass through the library.
  static int next(void* self) {
    auto* pieces = static_cast<Pieces*>(self);
    if (pieces->failure || pieces->next_row >= pieces->rows) return 0;
    try {
      const std::size_t end = std::min(pieces->rows, pieces->next_row + kPieceRows);
      // One piece that is all of the rows serves every pass.
      if (pieces->piece.rows != pieces->rows) pieces->piece = pieces->make(pieces->next_row, end);
      pieces->next_row = end;
      const data::Matrix& piece = pieces->piece;
      pieces->interface = array_interface(piece.values.data(), piece.rows, piece.columns);
    } catch (...) {
      pieces->failure = std::current_exception();
      return 0;
    }
    return library().XGProxyDMatrixSetDataDense(pieces->proxy, pieces->interface.c_str()) == 0 ? 1 : 0;
  }
  static void reset(void* self) { static_cast<Pieces*>(self)->next_row = 0; }
};

void set_types(void* matrix, std::vector<const char*>& types) {
  check(library().XGDMatrixSetStrFeatureInfo(matrix, "feature_type", types.data(), types.size()));
}

}  // namespace

std::string library_version() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  library().XGBoostVersion(&major, &minor, &patch);
  return "xgboost " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::string plain_message(std::string_view message) {
  constexpr std::size_t kStampLength = 11;  // "[12:34:56] "
  if (message.size() > kStampLength && message[0] == '[' && message.substr(9, 2) == "] ") {
    message.remove_prefix(kStampLength);
  }
  for (const std::string_view level : {"WARNING: ", "ERROR: "}) {
    if (message.starts_with(level)) message.remove_prefix(level.size());
  }
  if (const std::size_t file = message.find(".cc:"); file != std::string_view::npos && file < message.find(' ')) {
    std::size_t end = file + 4;
    while (end < message.size() && std::isdigit(static_cast<unsigned char>(message[end])) != 0) ++end;
    if (message.substr(end, 1) == ":") message.remove_prefix(end + 1);
  }
  const auto is_blank = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!message.empty() && is_blank(message.front())) message.remove_prefix(1);
  message = message.substr(0, message.find('\n'));
  while (!message.empty() && is_blank(message.back())) message.remove_suffix(1);
  return well_formed(message);  // the library quotes what it reads, damaged files too
}

std::vector<std::string> take_warnings() {
  return std::exchange(warnings, {});
}

TrainingMatrix::TrainingMatrix(std::size_t rows, const Piece& piece, const std::vector<data::PreparedFeature>& kinds,
                               bool quantile, int max_bin, int threads)
    : rows_(rows) {
  quieten();
  std::vector<const char*> types;
  for (const auto& kind : kinds) types.push_back(kind.type == data::ValueType::category ? "c" : "q");

  const std::string common = R"({"missing": NaN, "nthread": )" + std::to_string(threads);
  if (!quantile) {
    const data::Matrix features = piece(0, rows);
    const std::string interface = array_interface(features.values.data(), features.rows, features.columns);
    check(library().XGDMatrixCreateFromDense(interface.c_str(), (common + "}").c_str(), &handle_));
    try {
      set_types(handle_, types);
    } catch (...) {
      library().XGDMatrixFree(handle_);
      throw;
    }
    return;
  }
  Pieces pieces{.rows = rows, .make = piece};
  check(library().XGProxyDMatrixCreate(&pieces.proxy));
  // The types must be known before the library bins the columns: a category gets a bin of its own, a number a range.
  set_types(pieces.proxy, types);
  const std::string config = common + R"(, "max_bin": )" + std::to_string(max_bin) + "}";
  const int code = library().XGQuantileDMatrixCreateFromCallback(&pieces, pieces.proxy, nullptr, Pieces::reset,
                                                                 Pieces::next, config.c_str(), &handle_);
  if (pieces.failure) {
    if (code == 0) library().XGDMatrixFree(handle_);
    std::rethrow_exception(pieces.failure);
  }
  check(code);
}

TrainingMatrix::~TrainingMatrix() {
  library().XGDMatrixFree(handle_);
}

Booster::Booster(const TrainingMatrix& matrix, const std::map<std::string, std::string>& params) {
  quieten();
  void* const matrices[] = {matrix.handle()};
  check(library().XGBoosterCreate(matrices, 1, &handle_));
  try {
    for (const auto& [name, value] : params) check(library().XGBoosterSetParam(handle_, name.c_str(), value.c_str()));
  } catch (...) {
    library().XGBoosterFree(handle_);
    throw;
  }
}

Booster::Booster(const TrainingMatrix& matrix, std::string_view model,
                 const std::map<std::string, std::string>& params) {
  quieten();
  void* const matrices[] = {matrix.handle()};
  check(library().XGBoosterCreate(matrices, 1, &handle_));
  try {
    check(library().XGBoosterLoadModelFromBuffer(handle_, model.data(), model.size()));
    for (const auto& [name, value] : params) {
      if (name == "base_score") continue;
      check(library().XGBoosterSetParam(handle_, name.c_str(), value.c_str()));
    }
  } catch (...) {
    library().XGBoosterFree(handle_);
    throw;
  }
}

Booster::Booster(std::string_view model, int threads) {
  quieten();
  check(library().XGBoosterCreate(nullptr, 0, &handle_));
  try {
    check(library().XGBoosterLoadModelFromBuffer(handle_, model.data(), model.size()));
    check(library().XGBoosterSetParam(handle_, "nthread", std::to_string(threads).c_str()));
  } catch (...) {
    library().XGBoosterFree(handle_);
    throw;
  }
}

Booster::~Booster() {
  library().XGBoosterFree(handle_);
}

namespace {

std::span<const float> shaped(const bst_ulong* shape, bst_ulong dimensions, const float* values) {
  std::size_t count = 1;
  for (bst_ulong i = 0; i < dimensions; ++i) count *= shape[i];
  return {values, count};
}

}  // namespace

std::span<const float> Booster::training_margins(const TrainingMatrix& matrix) {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  // training = true: with booster = dart, the scores are those without the trees that are dropped in this round.
  check(library().XGBoosterPredictFromDMatrix(
      handle_, matrix.handle(),
      R"({"type": 1, "training": true, "iteration_begin": 0, "iteration_end": 0, "strict_shape": true})", &shape,
      &dimensions, &values));
  return shaped(shape, dimensions, values);
}

void Booster::boost(const TrainingMatrix& matrix, std::span<float> gradients, std::span<float> hessians) {
  if (gradients.size() != hessians.size()) throw std::logic_error("as many hessians as gradients are needed");
  check(library().XGBoosterBoostOneIter(handle_, matrix.handle(), gradients.data(), hessians.data(), gradients.size()));
}

std::span<const float> Booster::predict(const float* values, std::size_t rows, std::size_t columns) const {
  return scores(values, rows, columns, 0);
}

std::span<const float> Booster::margins(const float* values, std::size_t rows, std::size_t columns) const {
  return scores(values, rows, columns, 1);
}

std::span<const float> Booster::scores(const float* values, std::size_t rows, std::size_t columns, int type) const {
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* out = nullptr;
  const std::string config = R"({"type": )" + std::to_string(type) +
                             R"(, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": true,
                                 "missing": NaN, "cache_id": 0})";
  check(library().XGBoosterPredictFromDense(handle_, array_interface(values, rows, columns).c_str(), config.c_str(),
                                            nullptr, &shape, &dimensions, &out));
  return shaped(shape, dimensions, out);
}

std::string Booster::save() const {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  check(library().XGBoosterSaveModelToBuffer(handle_, R"({"format": "ubj"})", &size, &bytes));
  return {bytes, size};
}

std::size_t Booster::columns() const {
  bst_ulong columns = 0;
  check(library().XGBoosterGetNumFeature(handle_, &columns));
  return columns;
}

namespace {

// The library's own description of a booster.
boost::json::value description_of(void* handle) {
  bst_ulong size = 0;
  const char* bytes = nullptr;
  check(library().XGBoosterSaveJsonConfig(handle, &size, &bytes));
  return boost::json::parse(boost::json::string_view(bytes, size));
}

}  // namespace

std::string Booster::objective() const {
  return std::string(description_of(handle_).at("learner").at("objective").at("name").as_string());
}

std::string Booster::kind() const {
  return std::string(description_of(handle_).at("learner").at("gradient_booster").at("name").as_string());
}

int Booster::parallel_trees() const {
  const auto description = description_of(handle_);
  const auto& model = description.at("learner").at("gradient_booster").at("gbtree_model_param");
  return std::stoi(std::string(model.at("num_parallel_tree").as_string()));
}

std::map<std::size_t, double> Booster::total_gain() const {
  bst_ulong features = 0;
  const char** names = nullptr;
  bst_ulong dimensions = 0;
  const bst_ulong* shape = nullptr;
  const float* scores = nullptr;
  check(library().XGBoosterFeatureScore(handle_, R"({"importance_type": "total_gain"})", &features, &names, &dimensions,
                                        &shape, &scores));
  std::map<std::size_t, double> out;
  // Without names the library calls its columns f0, f1, …
  for (bst_ulong i = 0; i < features; ++i) out[std::stoul(names[i] + 1)] = static_cast<double>(scores[i]);
  return out;
}

}  // namespace retraind::train::xgboost
