// What `collect` and --resume read: the files of a run (a), its run.json alone (b), and the record of a sweep (c).
#include "harness.h"
#include "results/run_directory.h"
#include "results/run_record.h"
#include "results/study_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  const std::size_t choice = fuzz::take_choice(text, 3);
  static const fuzz::InputFolder folder;
  folder.write_parts(text, {"run.json", "result.json", "failure.json", "metrics.jsonl"});
  fuzz::reads([&] {
    if (choice == 0) {
      const tools::RunRecord record = tools::read_run(folder.path());
      for (const auto& [key, cell] : record.cells) fuzz::sink = static_cast<double>(tools::text_of(cell).size());
      for (const auto& row : record.metrics)
        fuzz::expect(row.size() == record.metrics[0].size(), "metrics are a table");
    } else if (choice == 1) {
      fuzz::sink = static_cast<double>(tools::config_json(tools::RunDirectory(folder.path()).config()).size());
    } else {
      const tools::StudyFile study = tools::read_study(folder / "run.json");
      for (const auto& row : study.runs) fuzz::expect(row.size() == 4, "a run has its columns");
      fuzz::sink = static_cast<double>(study.studies.size());
    }
  });
  return 0;
}
