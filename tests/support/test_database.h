#pragma once
// A database of its own for one test, in the cluster that the process shares: empty, or with the registry's schema,
// cloned from a template that was migrated once. Dropped with the object, whoever is still connected.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retraind::testing {

using TextRow = std::vector<std::optional<std::string>>;  // std::nullopt is NULL

// A plain connection for a test's own statements. Every failure is a std::runtime_error with the server's words. One
// thread at a time.
class TestConnection {
 public:
  explicit TestConnection(std::string conninfo);
  ~TestConnection();
  TestConnection(TestConnection&&) noexcept;
  TestConnection& operator=(TestConnection&&) noexcept;

  // One or several statements; their results are dropped. A connection that broke between two calls is made anew.
  void exec(const std::string& sql);
  // The one value of a one-row result; "" for NULL. Throws when there are more rows or none.
  std::string text(const std::string& sql);
  std::vector<TextRow> rows(const std::string& sql);
  // COPY `table` FROM STDIN in text format.
  void copy(const std::string& table, const std::vector<TextRow>& rows);
  int backend_pid();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class TestDatabase {
 public:
  TestDatabase();  // empty
  static TestDatabase create_registry();
  ~TestDatabase();
  TestDatabase(TestDatabase&&) noexcept;
  TestDatabase& operator=(TestDatabase&&) = delete;

  const std::string& name() const { return name_; }
  std::string conninfo() const;

  // As TestConnection's, on a connection that is made when first used.
  void exec(const std::string& sql) { connection_.exec(sql); }
  std::string text(const std::string& sql) { return connection_.text(sql); }
  std::vector<TextRow> rows(const std::string& sql) { return connection_.rows(sql); }
  void copy(const std::string& table, const std::vector<TextRow>& rows) { connection_.copy(table, rows); }
  // One more connection, for a test that needs two sides.
  TestConnection connect() const { return TestConnection(conninfo()); }

  // Ends every other connection to this database; returns when they are gone.
  void terminate_others();

 private:
  explicit TestDatabase(std::string_view database_template);

  std::string name_;
  TestConnection connection_;
};

}  // namespace retraind::testing
