// What stands at a path. An error is no absence: a disk that cannot be asked now must not have its files taken for
// missing, and written anew or left out.
#pragma once

#include <string>

namespace tools {

// Throw FileError for what cannot be known. Links are followed; one that leads nowhere is nothing.
bool is_there(const std::string& path);
bool is_folder(const std::string& path);
bool is_plain_file(const std::string& path);
// Whether the name is taken, by a link too.
bool is_taken(const std::string& path);

// Removes a file, or an empty folder, or nothing where nothing is. Throws FileError.
void remove_file(const std::string& path);

}  // namespace tools
