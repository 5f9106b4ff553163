// Runs all test cases; the last line, alone, is what scripts read: "N passed, M failed", in test cases.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

namespace {

// Stands beside the console reporter and keeps the totals of the run.
struct Totals : doctest::IReporter {
  explicit Totals(const doctest::ContextOptions&) {}
  void test_run_end(const doctest::TestRunStats& stats) override {
    run = stats.numTestCasesPassingFilters;
    failed = stats.numTestCasesFailed;
  }
  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_case_start(const doctest::TestCaseData&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_end(const doctest::CurrentTestCaseStats&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

  static inline unsigned run = 0, failed = 0;
};
DOCTEST_REGISTER_LISTENER("totals", 1, Totals);

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  const int status = context.run();
  if (context.shouldExit()) return status;  // a query, such as --list-test-cases
  std::printf("%u passed, %u failed\n", Totals::run - Totals::failed, Totals::failed);
  return status;
}
