// The results database: SQLite, its schema in docs/database.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cli/options.h"

namespace tools {

// One cell: null, a whole number, a number, or text.
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;

  // Throws ValueError for a column that is not there.
  std::size_t column(const std::string& name) const;
};

// A cell as a number; nan where it is none.
double number_of(const Cell& cell);
// A cell as text: "" for null, the shortest form that reads back for numbers.
std::string text_of(const Cell& cell);

// One connection. One thread uses it.
class Database {
 public:
  // Reads; throws FileError for a file that is missing, no database, or one of another schema.
  static Database open(const std::string& path);
  // Writes; makes the file and its tables when they are not there.
  static Database create(const std::string& path);
  // Writes; gone with this object.
  static Database in_memory();
  ~Database();
  Database(Database&& other) noexcept;
  Database(const Database&) = delete;

  // One statement, `?` standing for `values`. Throws FileError with SQLite's message, also for a column that is not
  // there: a quoted name that is none does not become a text, as it does in the sqlite3 shell.
  Table query(const std::string& sql, const std::vector<Cell>& values = {}) const;
  // The columns of a table in their order; none where there is no such table.
  std::vector<std::string> columns(const std::string& table) const;

 private:
  struct Handle;
  explicit Database(std::unique_ptr<Handle> handle);
  std::unique_ptr<Handle> handle_;
};

// All statements until commit(), or none of them.
class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();  // without commit(): as it was before
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& db_;
  bool open_ = true;
};

}  // namespace tools
