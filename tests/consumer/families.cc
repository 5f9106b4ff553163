// What a user of the function families writes: the names of all of them.
#include <eqnn/hard/family.h>

#include <cstdio>

int main() {
  for (const eqnn::hard::Family& family : eqnn::hard::families()) std::puts(family.id.c_str());
  return eqnn::hard::families().empty() ? 1 : 0;
}
