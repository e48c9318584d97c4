// What stands in the body of an answer of Prometheus ("HTTP API", Format overview and Expression query result formats
// in its manual). Trusts nothing in it.

#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <string>
#include <system_error>

#include "core/base/error.h"
#include "core/source/prometheus.h"
#include "core/source/prometheus_words.h"

namespace retraind::source {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostWords = 300;  // bytes
constexpr double kFurthest = 9e12;       // seconds; what a TimePoint holds

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("the answer is not one of Prometheus: " + why, "check the url of the trigger");
}

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}

const json::value& member(const json::object& object, std::string_view key) {
  const json::value* found = object.if_contains(json::string_view(key.data(), key.size()));
  if (found == nullptr) refuse(fmt::format("'{}' is missing", key));
  return *found;
}

std::string_view text_of(const json::value& value, std::string_view what) {
  const json::string* text = value.if_string();
  if (text == nullptr) refuse(fmt::format("'{}' is no text", what));
  return view(*text);
}

// A pair of the time in seconds and the value as a text.
PrometheusSample sample_of(const json::value& value) {
  const json::array* pair = value.if_array();
  if (pair == nullptr || pair->size() != 2) refuse("a sample is no pair of time and value");
  json::error_code error;
  const auto seconds = (*pair)[0].to_number<double>(error);
  if (error || !(std::fabs(seconds) < kFurthest)) refuse("the time of a sample is no time");
  PrometheusSample sample;
  // Times there are whole milliseconds; rounding to them also mends the last digit of the number.
  sample.at = TimePoint(std::chrono::milliseconds(std::llround(seconds * 1000)));

  const std::string_view text = text_of((*pair)[1], "value");
  if (text == "NaN") return sample;
  if (text == "+Inf" || text == "-Inf") {
    throw DataError(fmt::format("the query's sample is {}, which no threshold is compared with", text),
                    "a division by 0, perhaps; leave it out: … / (total > 0)");
  }
  double number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
    refuse(fmt::format("a sample has the value \"{}\"", shown(text)));
  }
  sample.value = number;
  return sample;
}

// up{instance="a:9090",job="prometheus"}
std::string labels_of(const json::value& sample) {
  const json::object* object = sample.if_object();
  if (object == nullptr) refuse("a sample is no object");
  const json::object* metric = member(*object, "metric").if_object();
  if (metric == nullptr) refuse("the labels of a sample are no object");
  std::string name;
  std::string labels;
  for (const auto& [key, value] : *metric) {
    const std::string_view text = text_of(value, "label");
    if (key == "__name__") {
      name = text;
    } else {
      labels += fmt::format("{}{}=\"{}\"", labels.empty() ? "" : ",", std::string_view(key.data(), key.size()), text);
    }
  }
  return shown(fmt::format("{}{{{}}}", name, labels));
}

std::optional<PrometheusSample> only_sample(const json::array& samples) {
  if (samples.empty()) return std::nullopt;
  if (samples.size() > 1) {
    throw DataError(fmt::format("the query has {} samples, and one is expected: {} and {}{}", samples.size(),
                                labels_of(samples[0]), labels_of(samples[1]), samples.size() > 2 ? ", …" : ""),
                    "select one by its labels, or put sum(), max() or avg() around it");
  }
  const json::object* object = samples[0].if_object();
  if (object == nullptr) refuse("a sample is no object");
  if (object->contains("histogram")) {
    throw DataError("the query's sample is a histogram, and a number is expected",
                    "put histogram_quantile() or histogram_count() around it");
  }
  return sample_of(member(*object, "value"));
}

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMostWords)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  if (text.size() <= kMostWords) return out;
  // Not through the middle of a character of UTF-8.
  std::size_t end = kMostWords;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

std::string prometheus_words(std::string_view body) {
  json::error_code error;
  const json::value answer = json::parse(json::string_view(body.data(), body.size()), error);
  if (error || !answer.is_object()) return {};
  const json::value* words = answer.get_object().if_contains("error");
  return words != nullptr && words->is_string() ? shown(view(words->get_string())) : std::string();
}

std::optional<PrometheusSample> parse_prometheus_answer(std::string_view body) {
  json::error_code error;
  const json::value answer = json::parse(json::string_view(body.data(), body.size()), error);
  if (error) refuse(fmt::format("it is no JSON ({})", error.message()));
  const json::object* object = answer.if_object();
  if (object == nullptr) refuse("it is no JSON object");
  const std::string_view status = text_of(member(*object, "status"), "status");
  if (status == "error") {
    throw DataError(fmt::format("the query was refused: {}", shown(text_of(member(*object, "error"), "error"))));
  }
  if (status != "success") refuse(fmt::format("its status is \"{}\"", shown(status)));
  const json::object* data = member(*object, "data").if_object();
  if (data == nullptr) refuse("'data' is no object");
  const std::string_view type = text_of(member(*data, "resultType"), "resultType");
  const json::value& result = member(*data, "result");
  if (type == "scalar") return sample_of(result);
  if (type == "vector") {
    const json::array* samples = result.if_array();
    if (samples == nullptr) refuse("'result' is no array");
    return only_sample(*samples);
  }
  if (type == "matrix" || type == "string") {
    throw DataError(fmt::format("the query returns a {}, and one number is expected",
                                type == "matrix" ? "range of samples" : "text"),
                    type == "matrix" ? "put a function such as rate() or last_over_time() around it" : "");
  }
  refuse(fmt::format("its result is of type \"{}\"", shown(type)));
}

}  // namespace retraind::source
