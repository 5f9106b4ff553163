// PyTorch and JAX beside the engine: bench/peers.py in processes that take blocks of steps when told to.
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "child.h"
#include "cli/json_fwd.h"
#include "rows.h"
#include "scratch.h"

namespace bench {

// Where a build tree has the parts of the benchmark that are not installed.
std::filesystem::path bench_folder();

// Starts the process again where OpenBLAS does not know the processor: it chooses its kernels when it is loaded.
void restart_with_best_blas();

// Two sides do not compute the same: a line that says so, and exit code 4.
struct CheckFailed {
  std::string line;
};

// What a row's peers start from: the engine's data and parameters in a file, its loss and gradient to compare with.
class PeerTask {
 public:
  explicit PeerTask(RowEngine& engine, const RowData& data);

  const Row& row() const { return data_.row; }
  std::string data_file() const { return folder_.file("row.npz"); }
  std::string answer_file() const { return folder_.file("gradient.npz"); }
  // What is added to every bias for one comparison after the other, until one agrees: a unit of relu so close to
  // zero that rounding decides makes two right gradients differ, and other biases move it away.
  static constexpr std::array<double, 4> kOffsets = {0, 0.013, 0.029, 0.047};
  // Empty, or what differs from the engine by more than a relative 1e-4; `loss` and answer_file() are the peer's.
  std::string compare(std::size_t offset, double loss) const;

 private:
  struct Gradient {
    std::string name;
    std::vector<float> values;
  };
  struct Expected {
    double loss = 0;
    std::vector<Gradient> gradients;
  };
  static Expected expected(RowEngine& engine, const RowData& data);

  const RowData& data_;
  Scratch folder_;
  std::vector<Expected> expected_;  // one for each offset
};

// One variant with one number of threads. Between its blocks it waits for its input.
class Peer {
 public:
  Peer(std::vector<std::string> words, std::string variant, int threads);

  // Waits until it is ready, and compares. False where it cannot run: `why` says so. Throws CheckFailed where it
  // agrees at none of the offsets.
  bool start(const PeerTask& task);
  // Seconds a step of a block of about so many seconds. Throws FileError when it does not answer.
  double block(double seconds);

  std::string variant;
  int threads;
  std::string version, why;

 private:
  Child child_;
};

class Peers {
 public:
  // Python is $EQNN_PYTHON or python3. Where it can import neither torch nor jax, or the script is not beside this
  // build (and $EQNN_BENCH_PEERS does not name it), `missing` says so.
  Peers();
  bool found() const { return missing.empty(); }
  std::vector<std::string> variants(const Row& row) const;
  std::unique_ptr<Peer> make(const PeerTask& task, const std::string& variant, int threads) const;
  // The variants of bench/peers_sweep.py, which says what they answer, and one of them.
  std::vector<std::string> sweep_variants(int workers) const;
  std::unique_ptr<Child> sweep(const std::string& variant, int runs, int workers) const;

  std::string missing;

 private:
  std::string sweep_script() const;
  std::vector<std::string> listed(const std::string& script, const std::vector<std::string>& words) const;

  std::string python_, script_;
};

// What a peer said: an object, with "error" where it said nothing in time or nothing of use.
tools::Json peer_answer(Child& child);

}  // namespace bench
