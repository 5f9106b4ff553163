#include "results/database.h"

#include <sqlite3.h>

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <unordered_map>

#include "cli/paths.h"
#include "results/schema.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using eqnn::FileError;

constexpr std::int64_t kApplicationId = 0x65716e6e;  // "eqnn"
constexpr std::int64_t kSchema = 1;

std::string columns_sql(const std::vector<std::string>& columns) {
  std::string sql;
  for (const std::string& c : columns) sql += (sql.empty() ? "" : ", ") + c;
  return sql;
}

std::string create_runs() {
  std::vector<std::string> columns;
  for (const RunColumn& c : kRunColumns) columns.push_back(concat(c.name, " ", c.type));
  return concat("CREATE TABLE runs(", columns_sql(columns), ") STRICT");
}

std::string create_metrics() {
  std::vector<std::string> columns = {"run_id TEXT NOT NULL"};
  for (const ResultKey& k : metric_keys()) {
    const std::string name = k.metric_name();
    columns.push_back(concat(name.find('.') == std::string::npos ? name : sql_name(name), " ", k.type,
                             name == "step" ? " NOT NULL" : ""));
  }
  columns.emplace_back("PRIMARY KEY(run_id, step)");
  return concat("CREATE TABLE metrics(", columns_sql(columns), ") STRICT, WITHOUT ROWID");
}

// The statements that make an empty database.
std::vector<std::string> create_tables() {
  return {
      "CREATE TABLE studies(study TEXT PRIMARY KEY, title TEXT, claim TEXT, command TEXT, toml TEXT, swept TEXT, "
      "seeds TEXT) STRICT",
      "CREATE TABLE study_runs(study TEXT NOT NULL, run_id TEXT NOT NULL, seed INTEGER, \"values\" TEXT, "
      "PRIMARY KEY(study, run_id)) STRICT",
      "CREATE INDEX study_runs_by_run ON study_runs(run_id)",
      create_runs(),
      create_metrics(),
      "CREATE TABLE documents(kind TEXT NOT NULL, key TEXT NOT NULL, json TEXT, PRIMARY KEY(kind, key)) STRICT",
      concat("PRAGMA application_id = ", kApplicationId),
      concat("PRAGMA user_version = ", kSchema),
  };
}

// SQLite keeps two files beside a database in WAL mode, and makes them even to read it.
bool is_in_wal_mode(const std::string& path) {
  std::array<char, 20> head{};
  std::ifstream(path, std::ios::binary).read(head.data(), head.size());
  return head[18] == 2 || head[19] == 2;
}

Cell column_cell(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    default: {
      const void* text = sqlite3_column_blob(statement, column);
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return size == 0 ? std::string() : std::string(static_cast<const char*>(text), size);
    }
  }
}

// `cell` must outlive the statement's next reset.
int bind(sqlite3_stmt* statement, int at, const Cell& cell) {
  if (const auto* v = std::get_if<std::int64_t>(&cell)) return sqlite3_bind_int64(statement, at, *v);
  if (const auto* v = std::get_if<double>(&cell)) return sqlite3_bind_double(statement, at, *v);
  if (const auto* v = std::get_if<std::string>(&cell))
    return sqlite3_bind_text64(statement, at, v->data(), v->size(), SQLITE_STATIC, SQLITE_UTF8);
  return sqlite3_bind_null(statement, at);
}

// Back to a statement that can run again, however the block is left.
struct Reset {
  sqlite3_stmt* statement;
  ~Reset() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

}  // namespace

std::size_t Table::column(const std::string& name) const {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i] == name) return i;
  std::string known;
  for (const std::string& c : columns) known += concat(known.empty() ? "" : ", ", c);
  throw ValueError(concat("there is no column '", name, "'; there are ", known.empty() ? "none" : known));
}

double number_of(const Cell& cell) {
  if (const auto* v = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*v);
  if (const auto* v = std::get_if<double>(&cell)) return *v;
  return std::nan("");
}

std::string text_of(const Cell& cell) {
  if (const auto* v = std::get_if<std::string>(&cell)) return *v;
  std::array<char, 32> text{};
  char* end = text.data();
  if (const auto* v = std::get_if<std::int64_t>(&cell)) end = std::to_chars(end, end + text.size(), *v).ptr;
  if (const auto* v = std::get_if<double>(&cell)) end = std::to_chars(end, end + text.size(), *v).ptr;
  return {text.data(), end};
}

struct Database::Handle {
  std::string path;
  sqlite3* db = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> statements;

  // Without a name it is in memory.
  Handle(const std::string& file, int flags) : path(file.empty() ? "the database in memory" : file) {
    // Relative names with ./ before them: "file:x" and ":memory:" mean something else to SQLite.
    const std::string name = file.empty() ? ":memory:" : file.starts_with('/') ? file : "./" + file;
    const int code = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    if (code != SQLITE_OK) {
      const std::string why = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
      sqlite3_close(db);
      throw FileError(concat(path, ": cannot be opened: ", why));
    }
    sqlite3_busy_timeout(db, 60000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  }
  ~Handle() {
    forget_statements();
    sqlite3_close(db);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  void forget_statements() {
    for (const auto& [sql, statement] : statements) sqlite3_finalize(statement);
    statements.clear();
  }

  void check(int code) const {
    if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
    const int primary = code & 0xff;
    const int extended = sqlite3_extended_errcode(db);
    if (primary == SQLITE_NOTADB) throw FileError(concat(path, ": is no SQLite database; choose another --db"));
    if (primary == SQLITE_BUSY)
      throw FileError(concat(path, ": another process has been writing to it for a minute; try again later"));
    if (extended == SQLITE_READONLY_ROLLBACK || extended == SQLITE_READONLY_RECOVERY)
      throw FileError(concat(path, ": its last writer was interrupted; run eqnn collect on it again"));
    throw FileError(concat(path, ": ", sqlite3_errmsg(db)));
  }

  sqlite3_stmt* statement(const std::string& sql) {
    if (const auto found = statements.find(sql); found != statements.end()) return found->second;
    if (statements.size() >= 256) forget_statements();
    sqlite3_stmt* made = nullptr;
    const char* rest = nullptr;
    check(sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size()) + 1, &made, &rest));
    const bool single = made != nullptr && std::string(rest).find_first_not_of(" \t\n;") == std::string::npos;
    if (!single) sqlite3_finalize(made);
    require(single, "a query must be one SQL statement; it is '", sql, "'");
    return statements[sql] = made;
  }

  Table query(const std::string& sql, const std::vector<Cell>& values) {
    sqlite3_stmt* const s = statement(sql);
    const Reset reset{s};
    require(static_cast<std::size_t>(sqlite3_bind_parameter_count(s)) == values.size(), "the query '", sql,
            "' has ", sqlite3_bind_parameter_count(s), " parameters and was given ", values.size());
    for (std::size_t i = 0; i < values.size(); ++i) check(bind(s, static_cast<int>(i) + 1, values[i]));
    Table table;
    int code = sqlite3_step(s);
    check(code);
    // Only now: the first step prepares the statement anew where the tables have changed.
    const int columns = sqlite3_column_count(s);
    for (int i = 0; i < columns; ++i) table.columns.emplace_back(sqlite3_column_name(s, i));
    for (; code == SQLITE_ROW; code = sqlite3_step(s)) {
      std::vector<Cell>& row = table.rows.emplace_back();
      row.reserve(static_cast<std::size_t>(columns));
      for (int i = 0; i < columns; ++i) row.push_back(column_cell(s, i));
    }
    check(code);
    return table;
  }

  std::int64_t number(const std::string& sql) { return std::get<std::int64_t>(query(sql, {}).rows.at(0).at(0)); }

  void check_is_ours() {
    require<FileError>(number("PRAGMA application_id") == kApplicationId, path,
                       ": is a database of another program; choose a database that eqnn collect made");
    const std::int64_t schema = number("PRAGMA user_version");
    require<FileError>(schema == kSchema, path, ": is of schema ", schema, "; this version reads schema ", kSchema,
                       ": collect the runs again into a new file");
  }
};

Database::Database(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
Database::~Database() = default;
Database::Database(Database&& other) noexcept = default;

Database Database::open(const std::string& path) {
  require<FileError>(is_there(path), path, ": there is no such database; eqnn collect DIR --db ", path,
                     " makes one");
  require<FileError>(is_plain_file(path), path, ": is not a file; a database is needed");
  std::error_code error;
  require<FileError>(fs::file_size(path, error) > 0, path,
                     ": is empty; a database that eqnn collect made is needed");
  require<FileError>(
      !is_in_wal_mode(path), path,
      ": is in WAL mode, which cannot be read without writing beside it; run eqnn collect on it again");
  auto handle = std::make_unique<Handle>(path, SQLITE_OPEN_READONLY);
  handle->check_is_ours();
  return Database(std::move(handle));
}

Database Database::create(const std::string& path) {
  require(!path.empty(), "the name of the database is empty; name a file with --db");
  const bool there = is_there(path);
  require<FileError>(!there || is_plain_file(path), path, ": is not a file; choose another --db");
  try {
    auto handle = std::make_unique<Handle>(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    Database db(std::move(handle));
    Transaction transaction(db);
    if (db.handle_->number("SELECT count(*) FROM sqlite_schema") == 0 &&
        db.handle_->number("PRAGMA application_id") == 0)
      for (const std::string& sql : create_tables()) db.query(sql);
    db.handle_->check_is_ours();
    transaction.commit();
    db.query("PRAGMA journal_mode = DELETE");
    return db;
  } catch (...) {
    // Only what this call made, and nobody has written to since.
    std::error_code error;
    if (!there && fs::is_regular_file(path, error) && fs::file_size(path, error) == 0) fs::remove(path, error);
    throw;
  }
}

Database Database::in_memory() {
  Database db(std::make_unique<Handle>("", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  for (const std::string& sql : create_tables()) db.query(sql);
  return db;
}

Table Database::query(const std::string& sql, const std::vector<Cell>& values) const {
  return handle_->query(sql, values);
}

std::vector<std::string> Database::columns(const std::string& table) const {
  std::vector<std::string> names;
  for (const auto& row : query("SELECT name FROM pragma_table_info(?) ORDER BY cid", {table}).rows)
    names.push_back(text_of(row[0]));
  return names;
}

// IMMEDIATE: the lock is taken, or waited for, here, and not in the middle.
Transaction::Transaction(Database& db) : db_(db) { db_.query("BEGIN IMMEDIATE"); }
Transaction::~Transaction() {
  if (!open_) return;
  try {
    db_.query("ROLLBACK");
  } catch (const eqnn::Error&) {
    // SQLite has rolled back already, for a full disk for example.
  }
}
void Transaction::commit() {
  db_.query("COMMIT");
  open_ = false;
}

}  // namespace tools
