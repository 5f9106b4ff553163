// Programs that are started, and text as they read it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <string>

#include "cli/process.h"
#include "cli/text.h"

namespace test_process {

namespace {

using tools::Process;

Process shell(const std::string& script) { return {.words = {"sh", "-c", script}}; }

TEST_CASE("process: output, errors and the exit code") {
  Process p = shell("echo out; echo err >&2; exit 3");
  p.errors = Process::Stream::captured;
  const tools::ProcessResult r = p.run();
  CHECK(r.output == "out\n");
  CHECK(r.errors == "err\n");
  CHECK(r.code == 3);
  CHECK(r.signal == 0);
  CHECK(!r.succeeded());
  CHECK(shell("true").run().succeeded());
}

TEST_CASE("process: input, more than a pipe holds") {
  Process p{.words = {"cat"}, .input = std::string(300000, 'x') + "end"};
  CHECK(p.run().output == *p.input);
  p.input = "";
  CHECK(p.run().output.empty());
}

TEST_CASE("process: what is dropped, and a signal") {
  Process p = shell("echo out; kill -TERM $$");
  p.output = Process::Stream::dropped;
  const auto r = p.run();
  CHECK(r.output.empty());
  CHECK(r.signal == SIGTERM);
  CHECK(!r.succeeded());
}

TEST_CASE("process: a program that is not there") {
  const auto r = Process{.words = {"/no/such/program"}}.run();
  CHECK(r.start_error == "No such file or directory");
  CHECK(r.code == 127);
  CHECK(!r.succeeded());
}

TEST_CASE("process: its environment") {
  Process p = shell("echo $EQNN_TEST_A$EQNN_TEST_B");
  setenv("EQNN_TEST_A", "a", 1);
  setenv("EQNN_TEST_B", "b", 1);
  CHECK(p.run().output == "ab\n");
  p.environment = tools::environment_without({"EQNN_TEST_A="});
  CHECK(p.run().output == "b\n");
  p.environment->push_back("EQNN_TEST_A=c");
  CHECK(p.run().output == "cb\n");
}

TEST_CASE("text: a shell reads a word back") {
  for (const std::string word : {"plain-_./=,:+@%", "two words", "it's", "a\nb", "$HOME", "", "~", "*", "\"\\"}) {
    CAPTURE(word);
    CHECK(shell("printf %s " + tools::shell_word(word)).run().output == word);
  }
  CHECK(tools::shell_word("plain-_./=,:+@%") == "plain-_./=,:+@%");
  CHECK(tools::shell_text({"a", "b c"}) == "a 'b c'");
}

TEST_CASE("text: CSV, SQL and medians") {
  CHECK(tools::csv_field("plain") == "plain");
  CHECK(tools::csv_field("a,\"b\"") == "\"a,\"\"b\"\"\"");
  CHECK(tools::sql_name("a\"b") == "\"a\"\"b\"");
  CHECK(tools::median({3, 1, 2}) == 2);
  CHECK(tools::median({4, 1, 2, 3}) == 2.5);
  CHECK(std::isnan(tools::median({})));
}

}  // namespace

}  // namespace test_process
