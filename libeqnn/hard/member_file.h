// Member files: JSON objects whose keys and types are checked, with errors that name key and value. Internal.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../core/check.h"
#include "../core/matrix.h"

namespace eqnn::hard {

// A value of a member file: the whole document, or one inside it. Copies share the document.
class MemberValue {
 public:
  // The object in `text`, with all of `required` and nothing beyond `optional`. Throws FileError for what is no
  // JSON, or nests deeper than any member; ValueError for a missing key, and for an unknown one, naming the
  // nearest.
  MemberValue(std::string_view text, const std::vector<std::string>& required,
              const std::vector<std::string>& optional = {});

  bool has(const std::string& key) const;
  // The value of a key, by type. All throw ValueError, naming the key, for another type. REQUIRES: has(key).
  bool truth(const std::string& key) const;
  Index whole_number(const std::string& key) const;  // those above INT64_MAX become it
  double real_number(const std::string& key) const;  // finite
  std::string text(const std::string& key) const;
  std::vector<Index> whole_numbers(const std::string& key) const;
  // A list of rows of equal length, none of them empty; entries finite.
  Matrix<double> number_matrix(const std::string& key) const;

  // For values of other shapes.
  MemberValue at(const std::string& key) const;  // REQUIRES: has(key)
  bool is_list() const;
  std::vector<MemberValue> items() const;                         // REQUIRES: is_list()
  bool is_object_of(const std::vector<std::string>& keys) const;  // these, and no others
  bool is_whole_number() const;
  Index whole_number() const;     // REQUIRES: is_whole_number()
  const char* type_name() const;  // "number", "string", "array", ...
  std::string as_json() const;

 private:
  explicit MemberValue(std::shared_ptr<const void> value) : value_(std::move(value)) {}
  std::shared_ptr<const void> value_;  // a node of the document that it keeps alive
};

// Writes a member file: an object on one line, keys in the order in which they are added.
class MemberWriter {
 public:
  MemberWriter();
  MemberWriter& add(const char* key, bool value);
  MemberWriter& add(const char* key, int value) { return add(key, Index{value}); }
  MemberWriter& add(const char* key, Index value);
  MemberWriter& add(const char* key, double value);
  MemberWriter& add(const char* key, std::string_view value);
  MemberWriter& add(const char* key, const char* value) { return add(key, std::string_view(value)); }
  MemberWriter& add(const char* key, const std::vector<Index>& values);
  MemberWriter& add(const char* key, const std::vector<std::vector<Index>>& rows);
  MemberWriter& add(const char* key, const Matrix<double>& m);  // as a list of rows
  MemberWriter& add(const char* key, const std::vector<MemberWriter>& objects);
  std::string text() const;

 private:
  std::shared_ptr<void> document_;
};

}  // namespace eqnn::hard
