#include "core/data/schema.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/sql_text.h"

namespace retraind::data {
namespace {

// Enough to recognise one's own query by; the rest is counted.
constexpr std::size_t kNamesInMessage = 40;

bool is_plain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  const std::size_t shown = std::min(names.size(), kNamesInMessage);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += ", ";
    out += is_plain(names[i]) ? names[i] : quoted_name(names[i]);
  }
  if (names.size() > shown) out += " and " + std::to_string(names.size() - shown) + " more";
  return out;
}

std::string spelled_type(const SourceColumn& column) {
  return column.sql_type.empty() ? std::string(to_text(column.type)) : column.sql_type;
}

// Finds columns by name and collects all complaints, so that a person mends a query once and not five times.
class Assignment {
 public:
  explicit Assignment(const std::vector<SourceColumn>& columns) : columns_(columns) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      names_.push_back(columns[i].name);
      places_[columns[i].name].push_back(i);
    }
  }

  void complain(std::string sentence) { complaints_.push_back(std::move(sentence)); }
  void advise(std::string sentence) {
    if (std::find(advice_.begin(), advice_.end(), sentence) == advice_.end()) advice_.push_back(std::move(sentence));
  }

  std::optional<std::size_t> find(const std::string& duty, const std::string& name) {
    const auto found = places_.find(name);
    if (found != places_.end()) return found->second.front();
    std::string sentence = "the query does not return the " + duty + " column " + quoted_name(name);
    if (const auto meant = retraind::nearest(name, names_)) sentence += ", nearest is " + quoted_name(*meant);
    complain(std::move(sentence));
    missing_ = true;
    return std::nullopt;
  }

  void complain_of_doubles() {
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto& places = places_.at(columns_[i].name);
      if (places.size() < 2 || places.front() != i) continue;
      complain("the query returns the column " + quoted_name(columns_[i].name) + " " + std::to_string(places.size()) +
               " times");
      advise("give each column a name of its own with AS");
    }
  }

  void throw_if_any() const {
    if (complaints_.empty()) return;
    std::string message;
    for (const std::string& complaint : complaints_) {
      if (!message.empty()) message += "; ";
      message += complaint;
    }
    if (missing_) message += names_.empty() ? "; it returns no column" : "; it returns " + listed(names_);
    std::string hint;
    for (const std::string& sentence : advice_) {
      if (!hint.empty()) hint += "; ";
      hint += sentence;
    }
    throw DataError(message, hint);
  }

 private:
  const std::vector<SourceColumn>& columns_;
  std::vector<std::string> names_;
  std::map<std::string, std::vector<std::size_t>> places_;
  std::vector<std::string> complaints_;
  std::vector<std::string> advice_;
  bool missing_ = false;
};

void check_time(Assignment& assignment, const SourceColumn& column) {
  if (column.type == ValueType::instant || column.type == ValueType::number) return;
  assignment.complain("the time column " + quoted_name(column.name) + " is " + spelled_type(column) +
                      ", which is neither an instant nor a number");
  assignment.advise("cast it in the query, as in " + quoted_name(column.name) + "::timestamptz AS " +
                    quoted_name(column.name));
}

void check_label(Assignment& assignment, const SourceColumn& column, Task task) {
  if (column.type == ValueType::instant) {
    assignment.complain("the label " + quoted_name(column.name) + " is " + spelled_type(column) +
                        ", and an instant cannot be predicted");
    assignment.advise("predict a number such as extract(epoch FROM " + quoted_name(column.name) + ")");
  } else if (task == Task::regression && column.type != ValueType::number) {
    assignment.complain("the label " + quoted_name(column.name) + " is " + spelled_type(column) +
                        ", and regression needs a number");
    assignment.advise("set task to binary or multiclass, or cast the label to a number in the query");
  }
}

void check_feature(Assignment& assignment, const SourceColumn& column) {
  if (column.type != ValueType::instant) return;
  assignment.complain("the feature " + quoted_name(column.name) + " is " + spelled_type(column) +
                      ", and an instant is no feature");
  assignment.advise("write extract(epoch FROM " + quoted_name(column.name) + ") AS " + quoted_name(column.name) +
                    " in the query, or leave the column out of `features`");
}

void check_weight(Assignment& assignment, const SourceColumn& column) {
  if (column.type == ValueType::number) return;
  assignment.complain("the weight column " + quoted_name(column.name) + " is " + spelled_type(column) +
                      ", and a weight is a number");
  assignment.advise("cast it in the query, as in " + quoted_name(column.name) + "::float8 AS " +
                    quoted_name(column.name));
}

void check_slice(Assignment& assignment, const SourceColumn& column) {
  if (column.type != ValueType::instant) return;
  assignment.complain("the slice column " + quoted_name(column.name) + " is " + spelled_type(column) +
                      ", and rows are not sliced by instants");
  assignment.advise("slice by a text such as to_char(" + quoted_name(column.name) + ", 'YYYY-MM')");
}

// A column that says how rows are grouped or counted, beside what it may be as a feature.
std::optional<std::size_t> find_unlike_label(Assignment& assignment, const char* duty, const std::string& name,
                                             std::optional<std::size_t> label) {
  const auto place = assignment.find(duty, name);
  if (place && place == label) {
    assignment.complain("the label " + quoted_name(name) + " cannot be the " + duty + " column as well");
  }
  return place;
}

// Of the gates' slice columns those that the query returns and that are no features, in the query's order.
std::vector<std::size_t> find_slices(Assignment& assignment, const std::vector<SourceColumn>& columns,
                                     const settings::Model& model, std::optional<std::size_t> label,
                                     const std::vector<std::size_t>& features) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool sliced =
        std::any_of(model.validation.gates.begin(), model.validation.gates.end(),
                    [&](const settings::Gate& gate) { return gate.slices && gate.slices->column == columns[i].name; });
    if (!sliced) continue;
    if (i == label) {
      assignment.complain("the label " + quoted_name(columns[i].name) + " cannot be a slice column as well");
    } else if (std::find(features.begin(), features.end(), i) == features.end()) {
      check_slice(assignment, columns[i]);
      out.push_back(i);
    }
  }
  return out;
}

// "the time, the label and the cluster column"
std::string duties_text(bool cluster, bool weight, bool entity) {
  std::vector<std::string> words{"the time", "the label"};
  if (cluster) words.emplace_back("the cluster column");
  if (weight) words.emplace_back("the weight column");
  if (entity) words.emplace_back("the entity column");
  std::string out = words.front();
  for (std::size_t i = 1; i < words.size(); ++i) out += (i + 1 == words.size() ? " and " : ", ") + words[i];
  return out;
}

}  // namespace

std::string_view to_text(ValueType type) {
  switch (type) {
    case ValueType::number:
      return "number";
    case ValueType::boolean:
      return "boolean";
    case ValueType::category:
      return "category";
    case ValueType::instant:
      return "instant";
  }
  throw std::logic_error("a value type that does not exist");
}

std::vector<std::size_t> read_order(const Roles& roles) {
  std::vector<std::size_t> order{roles.time, roles.label};
  order.insert(order.end(), roles.features.begin(), roles.features.end());
  if (roles.cluster) order.push_back(*roles.cluster);
  if (roles.weight) order.push_back(*roles.weight);
  if (roles.entity) order.push_back(*roles.entity);
  order.insert(order.end(), roles.slices.begin(), roles.slices.end());
  for (const std::size_t key : roles.keys) {
    if (std::find(order.begin(), order.end(), key) == order.end()) order.push_back(key);
  }
  return order;
}

Roles assign_roles(const std::vector<SourceColumn>& columns, const settings::Model& model) {
  Assignment assignment(columns);
  assignment.complain_of_doubles();

  const auto time = assignment.find("time", model.time_column);
  const auto label = assignment.find("label", model.label);
  if (time) check_time(assignment, columns[*time]);
  if (label && label == time) {
    assignment.complain("the column " + quoted_name(model.label) + " is both the time and the label");
  } else if (label) {
    check_label(assignment, columns[*label], model.task);
  }

  std::optional<std::size_t> cluster;
  if (const auto* by_column = std::get_if<settings::ClusterColumn>(&model.validation.cluster)) {
    cluster = find_unlike_label(assignment, "cluster", by_column->column, label);
  }
  std::optional<std::size_t> weight;
  if (model.weight) weight = find_unlike_label(assignment, "weight", *model.weight, label);
  if (weight && weight != label) check_weight(assignment, columns[*weight]);
  std::optional<std::size_t> entity;
  if (model.training.entity) entity = find_unlike_label(assignment, "entity", *model.training.entity, label);

  std::vector<std::size_t> features;
  if (model.features.empty()) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != time && i != label && i != cluster && i != weight && i != entity) features.push_back(i);
    }
    // Where a name above was not found, the column it meant is still among these: to complain of it would mislead.
    if (features.empty() && time && label) {
      assignment.complain("no feature is left: the query returns only " +
                          duties_text(cluster.has_value(), weight.has_value(), entity.has_value()));
    }
  } else {
    for (const std::string& name : model.features) {
      const auto place = assignment.find("feature", name);
      if (!place) continue;
      if (place == label) {
        assignment.complain("the label " + quoted_name(name) + " is listed as a feature");
      } else if (std::find(features.begin(), features.end(), *place) != features.end()) {
        assignment.complain("the feature " + quoted_name(name) + " is listed twice");
      } else {
        features.push_back(*place);
      }
    }
    std::sort(features.begin(), features.end());
  }
  const bool every_other = model.features.empty();
  for (const std::size_t place : features) {
    if (every_other && (!time || !label)) break;
    check_feature(assignment, columns[place]);
  }

  std::vector<std::size_t> slices = find_slices(assignment, columns, model, label, features);

  std::vector<std::size_t> keys;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& unique = model.data.unique;
    if (std::find(unique.begin(), unique.end(), columns[i].name) != unique.end()) keys.push_back(i);
  }

  assignment.throw_if_any();
  return Roles{*time, *label, std::move(features), cluster, weight, entity, std::move(slices), std::move(keys)};
}

TimeAxis time_axis(ValueType type) {
  switch (type) {
    case ValueType::instant:
      return TimeAxis::instant;
    case ValueType::number:
      return TimeAxis::number;
    case ValueType::boolean:
    case ValueType::category:
      break;
  }
  throw std::logic_error("a " + std::string(to_text(type)) + " is no time axis");
}

std::string describe(const std::vector<SourceColumn>& columns, const Roles& roles) {
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::string duties;
    const auto add = [&duties](const char* duty) {
      duties += duties.empty() ? std::string(" as ") + duty : std::string(" and ") + duty;
    };
    if (i == roles.time) add("time");
    if (i == roles.label) add("label");
    const bool is_feature = std::find(roles.features.begin(), roles.features.end(), i) != roles.features.end();
    const bool is_slice = std::find(roles.slices.begin(), roles.slices.end(), i) != roles.slices.end();
    const bool has_another = i == roles.time || roles.cluster == i || roles.weight == i || roles.entity == i;
    if (is_feature && (has_another || is_slice)) add("feature");
    if (roles.cluster == i) add("cluster");
    if (roles.weight == i) add("weight");
    if (roles.entity == i) add("entity");
    if (is_slice) add("slice");
    const bool is_key = std::find(roles.keys.begin(), roles.keys.end(), i) != roles.keys.end();
    if (is_key && duties.empty() && !is_feature) add("key");
    if (duties.empty() && !is_feature) continue;
    if (!out.empty()) out += ", ";
    out += is_plain(columns[i].name) ? columns[i].name : quoted_name(columns[i].name);
    out += ' ';
    out += to_text(columns[i].type);
    out += '(' + columns[i].sql_type + ')' + duties;
  }
  return out;
}

}  // namespace retraind::data
