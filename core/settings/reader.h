#pragma once
// Reads one table of the configuration, key by key. Every key is declared by the one call that reads it: its name, its
// type, its range; its default is what the variable holds before. A key that was not asked for is unknown. Complaints
// are collected and never thrown, so that one pass over a file finds all that is wrong with it.
//
// A reader belongs to one load, on one thread, and must not outlive the Node it reads.

#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/settings/document.h"
#include "core/settings/forms.h"
#include "core/settings/load.h"

namespace retraind::settings {

// A key the configuration knows, as it was declared by reading it. Documentation is checked against the list of them.
struct KnownKey {
  std::string section;   // "daemon", "model.NAME.training", "model.NAME.trigger"; empty at the top
  std::string key;       // "rounds"
  std::string expected;  // "an integer from 1 to 100000"
  std::string fallback;  // as it would stand in the file; empty when there is none
  std::string kind;      // of the trigger it belongs to; empty: of all kinds, or of no trigger
};

// Where complaints go.
struct Findings {
  std::vector<Complaint> complaints;
  std::vector<KnownKey>* known = nullptr;  // every key asked for, when somebody wants to know
  std::vector<Mention> mentions;           // what load() hands on
  void complain(const std::filesystem::path& file, Place place, std::string message) {
    complaints.push_back({file, place.line, place.column, std::move(message)});
  }
};

struct IntegerRange {
  std::int64_t low;
  std::int64_t high;  // both inclusive
};

struct RealRange {
  double low;
  bool low_allowed;
  std::optional<double> high;  // std::nullopt: no bound
  bool high_allowed = false;
};
// Every number but NaN and the infinities.
inline constexpr RealRange kAnyNumber = {-std::numeric_limits<double>::infinity(), false, std::nullopt};

struct DurationRange {
  Duration low = Duration::zero();
  Duration high = kLongest;  // both inclusive
};

// An integer is a number too. std::nullopt for anything else, NaN and the infinities included.
std::optional<double> finite_number(const Node& node);

class TableReader {
 public:
  // `path` names the table in complaints ("model.power.training"), `section` in KnownKey ("model.NAME.training").
  TableReader(Findings& findings, const std::filesystem::path& file, const Node& table, std::string path,
              std::string section);

  // Each returns true when the key was there and its value was fit, and stored; otherwise `out` keeps its default.
  bool text(std::string_view key, std::string& out, std::string_view expected = "a string that is not empty");
  bool boolean(std::string_view key, bool& out);
  bool integer(std::string_view key, int& out, IntegerRange range);
  bool integer(std::string_view key, std::uint64_t& out, IntegerRange range);
  bool integer(std::string_view key, std::optional<std::uint64_t>& out, IntegerRange range);
  bool real(std::string_view key, double& out, RealRange range);
  bool real(std::string_view key, std::optional<double>& out, RealRange range);
  bool duration(std::string_view key, Duration& out, DurationRange range = {});
  // `high` is inclusive; the snapshot and PostgreSQL keep sizes in 63 bits.
  bool bytes(std::string_view key, std::uint64_t& out, std::uint64_t low, std::uint64_t high = INT64_MAX);
  bool bytes(std::string_view key, std::optional<std::uint64_t>& out, std::uint64_t low,
             std::uint64_t high = INT64_MAX);
  bool absolute_path(std::string_view key, std::filesystem::path& out);
  bool texts(std::string_view key, std::vector<std::string>& out, std::string_view expected,
             std::string_view fallback = "[]");
  bool window(std::string_view key, Window& out);
  bool holdout(std::string_view key, Holdout& out);
  bool since(std::string_view key, std::optional<Since>& out);
  bool cluster(std::string_view key, Cluster& out);
  bool season(std::string_view key, Season& out);
  bool alarm_budget(std::string_view key, std::optional<AlarmBudget>& out);
  // Two numbers, the lower one first.
  bool range(std::string_view key, std::optional<std::pair<double, double>>& out);
  // `for = 2` are consecutive checks, `for = "2 of 3"` checks, `for = "1h"` is a time.
  bool hold(std::string_view key, Patience& out);

  template <class E>
  bool word(std::string_view key, E& out) {
    std::optional<E> value = out;
    if (!word(key, value)) return false;
    out = *value;
    return true;
  }
  template <class E>
  bool word(std::string_view key, std::optional<E>& out) {
    const Entry* entry = ask(key, list_words<E>(), out ? quoted(to_text(*out)) : "");
    if (entry == nullptr) return false;
    const auto* found = std::get_if<std::string>(&entry->node.value);
    const std::optional<E> value = found == nullptr ? std::nullopt : parse<E>(*found);
    if (!value) return reject_word(*entry, list_words<E>(), words_of<E>());
    out = value;
    return true;
  }

  // A key whose value the caller judges: nullptr when absent.
  const Entry* ask(std::string_view key, std::string expected, std::string fallback);

  // Whether the value that the caller holds is what the file says: the key is not there, or `was_read`.
  bool is_sure(std::string_view key, bool was_read) const { return was_read || !has(key); }

  // A key that must be there: complains at the table when it is not.
  void require(std::string_view key);

  // The table below `key`, when there is one; anything else there is a complaint.
  std::optional<TableReader> table(std::string_view key);
  // The tables [KEY.NAME], each with its name's Entry, and [[KEY]] in the order of the file.
  struct Named;
  std::vector<Named> named_tables(std::string_view key);
  std::vector<TableReader> array_of_tables(std::string_view key);

  // The keys asked for from here on belong to this kind of trigger; empty: to all.
  void of_kind(std::string_view kind) { kind_ = kind; }

  // A key that does not belong here though it is one elsewhere: complains with this sentence when it is there.
  void refuse(std::string_view key, std::string_view sentence);
  // All that was not asked for is unknown. To be called once, after the last key.
  void finish();

  // Of the value of `key`; of the table where the key is absent.
  Place place_of(std::string_view key) const;
  Place place() const { return node_->place; }
  // Of a table that takes any key: all of them, in the order of the file, whether asked for or not.
  const Node::Table& entries() const { return std::get<Node::Table>(node_->value); }
  bool has(std::string_view key) const { return node_->find(key) != nullptr; }
  const std::string& path() const { return path_; }
  const std::filesystem::path& file() const { return *file_; }
  // Of the whole load: a caller compares two of them to learn whether something in between was wrong.
  std::size_t complaints_so_far() const { return findings_->complaints.size(); }
  // Complains about the value of `key` ("path.key: message"); where it is absent, about the table.
  void complain(std::string_view key, std::string_view message);
  void complain_at(Place place, std::string message) { findings_->complain(*file_, place, std::move(message)); }

  // The value of `key` is to be judged by more than its spelling.
  void mention(Mention::What what, std::string_view key, std::vector<std::string> words);

  static std::string quoted(std::string_view text);

 private:
  bool reject(const Entry& entry, std::string_view expected);
  bool reject_word(const Entry& entry, std::string_view expected, std::span<const std::string_view> words);
  std::string full(std::string_view key) const;

  Findings* findings_;
  const std::filesystem::path* file_;
  const Node* node_;
  std::string path_;
  std::string section_;
  std::string kind_;
  std::vector<std::string> asked_;
  std::vector<std::string> refused_;
};

struct TableReader::Named {
  const Entry* entry;
  TableReader reader;
};

}  // namespace retraind::settings
