#include "training_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <type_traits>
#include <utility>
#include <variant>

#include "files.h"

namespace eqnn {
namespace {

constexpr const char* kTrainingFormat = "eqnn-training-1";
constexpr const char* kNumberPrefix = "number.";

using Texts = std::map<std::string, std::string>;

// The shortest text that is read back as the same number.
template <class N>
std::string number_text(N value) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

const std::string& text_of(const SafeTensors& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  require<FileError>(found != file.metadata.end(), file.path, ": has no '", key, "'; it is damaged");
  return found->second;
}
template <class N>
N number_of(const SafeTensors& file, const std::string& key) {
  const std::string& text = text_of(file, key);
  N value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  require<FileError>(error == std::errc() && end == text.data() + text.size(), file.path, ": '", key, "' is '",
                     text, "'; a number is needed: the file is damaged");
  return value;
}

// What must be the same where training goes on.
Texts fixed_settings(const TrainerOptions& o) {
  std::string groups;
  for (const ParameterGroup& g : o.groups)
    groups += concat(groups.empty() ? "" : "; ", g.pattern, " ", number_text(g.rate), " ", number_text(g.decay));
  const char* const kinds[] = {"constant", "cosine", "step"};
  return {{"optimizer", std::visit([](const auto& v) { return std::string(v.name); }, o.optimizer)},
          {"schedule", o.schedule.custom ? "custom" : kinds[static_cast<std::size_t>(o.schedule.kind)]},
          {"batch", std::to_string(o.batch)},
          {"shard", std::to_string(o.shard)},
          {"row_block", std::to_string(o.row_block)},
          {"clip_norm", number_text(o.clip_norm)},
          {"seed", std::to_string(o.seed)},
          {"strict", o.strict ? "1" : "0"},
          {"groups", groups.empty() ? "none" : groups}};
}

void check_fixed(const SafeTensors& file, const TrainerOptions& o) {
  const auto format = file.metadata.find("format");
  require<FileError>(format != file.metadata.end() && format->second == kTrainingFormat, file.path, ": format is '",
                     format != file.metadata.end() ? format->second : "", "'; ", kTrainingFormat,
                     " of save_training is needed");
  for (const auto& [key, value] : fixed_settings(o)) {
    const std::string& saved = text_of(file, key);
    require<FileError>(saved == value, file.path, ": was saved with ", key, " ", saved, ", and this Trainer has ",
                       value, "; make it with the options of the one that was saved");
  }
}

// Calls each(key, field) for every number of optimiser and schedule.
template <class O, class S, class Each>
void for_each_setting(O& optimizer, S& schedule, const Each& each) {
  std::visit(
      [&](auto& o) {
        std::remove_cvref_t<decltype(o)>::settings(
            o, [&](const char* name, auto& field) { each(concat("optimizer.", name), field); });
      },
      optimizer);
  each("schedule.steps", schedule.steps);
  each("schedule.warmup", schedule.warmup);
  each("schedule.floor", schedule.floor);
  each("schedule.every", schedule.every);
  each("schedule.factor", schedule.factor);
  each("schedule.first", schedule.first);
}

Texts all_settings(const TrainerOptions& o, std::uint64_t steps, std::uint64_t restarted_at) {
  Texts texts = fixed_settings(o);
  texts["format"] = kTrainingFormat;
  texts["step"] = std::to_string(steps);
  texts["restarted_at"] = std::to_string(restarted_at);
  for_each_setting(o.optimizer, o.schedule, [&]<class V>(const std::string& key, const V& value) {
    if constexpr (std::is_same_v<V, bool>)
      texts[key] = value ? "1" : "0";
    else
      texts[key] = number_text(value);
  });
  return texts;
}

// Sets them from the file.
void read_settings(const SafeTensors& file, Optimizer& optimizer, Schedule& schedule) {
  for_each_setting(optimizer, schedule, [&]<class V>(const std::string& key, V& field) {
    if constexpr (std::is_same_v<V, bool>)
      field = number_of<int>(file, key) != 0;
    else
      field = number_of<V>(file, key);
  });
  try {
    check_optimizer(optimizer);
    schedule.check();
  } catch (const ValueError& e) {
    throw FileError(concat(file.path, ": ", e.what(), "; the file is damaged"));
  }
}

TrainingNumbers read_numbers(const SafeTensors& file) {
  TrainingNumbers numbers;
  for (const NamedArray& a : file.arrays) {
    if (!a.name.starts_with(kNumberPrefix)) continue;
    double value = 0;
    require<FileError>(a.dtype == "F64" && a.bytes.size() == sizeof value, file.path, ": array '", a.name,
                       "' is not one F64 number; the file is damaged");
    std::memcpy(&value, a.bytes.data(), sizeof value);
    numbers[a.name.substr(std::strlen(kNumberPrefix))] = value;
  }
  return numbers;
}

// How far a training has come, but for its vectors.
struct Progress {
  Optimizer optimizer;
  Schedule schedule;
  std::uint64_t step = 0, restarted_at = 0;
  TrainingNumbers numbers;
};

Progress read_progress(const SafeTensors& file, const TrainerOptions& o) {
  check_fixed(file, o);
  Progress p{o.optimizer, o.schedule, number_of<std::uint64_t>(file, "step"),
             number_of<std::uint64_t>(file, "restarted_at"), read_numbers(file)};
  read_settings(file, p.optimizer, p.schedule);
  require<FileError>(p.restarted_at <= p.step, file.path, ": restarted at step ", p.restarted_at,
                     ", after its step ", p.step, "; the file is damaged");
  return p;
}

void write_training(const std::string& path, std::vector<NamedArray> arrays, const TrainingNumbers& numbers,
                    const Texts& settings) {
  for (const auto& [name, value] : numbers) {
    NamedArray a{kNumberPrefix + name, "F64", {}, std::vector<std::byte>(sizeof value)};
    std::memcpy(a.bytes.data(), &value, sizeof value);
    arrays.push_back(std::move(a));
  }
  write_atomically(path, encode_safetensors(arrays, settings));
}

// Of the parameters and of each moment, how the names of their arrays begin.
std::vector<std::string> prefixes_of(const std::vector<std::string>& moments, const SafeTensors& file) {
  std::vector<std::string> prefixes{"model."};
  for (const std::string& m : moments) prefixes.push_back(concat("optimizer.", m, "."));
  for (const NamedArray& a : file.arrays) {
    const bool known = !a.name.starts_with("optimizer.") ||
                       std::any_of(prefixes.begin(), prefixes.end(),
                                   [&](const auto& prefix) { return a.name.starts_with(prefix); });
    require<FileError>(known, file.path, ": array '", a.name, "' is of no moment of this Trainer's optimiser");
  }
  return prefixes;
}

// Parameters, then the moments, laid out like the parameters.
template <class T>
std::vector<AlignedBuffer<T>> read_vectors(const Params<T>& params, const std::vector<std::string>& moments,
                                           const SafeTensors& file) {
  std::vector<AlignedBuffer<T>> vectors;
  for (const std::string& prefix : prefixes_of(moments, file)) {
    vectors.emplace_back(params.size());
    load_parameter_arrays(params, {vectors.back().data(), static_cast<std::size_t>(params.size())}, file, prefix);
  }
  return vectors;
}

template <class T>
void put_vectors(Trainer<T>& trainer, const std::vector<AlignedBuffer<T>>& vectors) {
  Params<T> params = trainer.params().share();
  std::copy(vectors[0].begin(), vectors[0].end(), params.values().begin());
  std::size_t i = 1;
  for (const auto& moment : trainer.moments())
    std::copy(vectors[i].begin(), vectors[i].end(), moment.values.begin()), ++i;
}

void require_none_waits(Index waiting, const char* call) {
  require(waiting == 0, call, ": ", waiting, " accumulated gradients wait; call apply() or discard() first");
}

}  // namespace

template <class T>
std::vector<NamedArray> training_arrays(Trainer<T>& trainer) {
  const Params<T>& params = trainer.params();
  std::vector<NamedArray> arrays = parameter_arrays(params, params.values(), "model.");
  for (const auto& moment : trainer.moments())
    for (NamedArray& a : parameter_arrays(params, moment.values, concat("optimizer.", moment.name, ".")))
      arrays.push_back(std::move(a));
  return arrays;
}

template <class T>
void load_training_arrays(Trainer<T>& trainer, const SafeTensors& file) {
  put_vectors(trainer, read_vectors(trainer.params(), optimizer_moments(trainer.options().optimizer), file));
}

template <class T>
void save_training(const std::string& path, Trainer<T>& trainer, const TrainingNumbers& numbers) {
  require_none_waits(trainer.accumulated(), "save_training");
  write_training(path, training_arrays(trainer), numbers,
                 all_settings(trainer.options(), trainer.steps_done(), trainer.restarted_at()));
}

template <class T>
TrainingNumbers load_training(const std::string& path, Trainer<T>& trainer) {
  require_none_waits(trainer.accumulated(), "load_training");
  const SafeTensors file = decode_safetensors(read_file(path), path);
  Progress p = read_progress(file, trainer.options());
  const std::vector<AlignedBuffer<T>> vectors =
      read_vectors(trainer.params(), optimizer_moments(p.optimizer), file);
  trainer.set_steps_done(p.restarted_at);
  trainer.restart(p.optimizer, p.schedule);
  put_vectors(trainer, vectors);
  trainer.set_steps_done(p.step);
  return std::move(p.numbers);
}

#define EQNN_INSTANTIATE(T)                                                             \
  template std::vector<NamedArray> training_arrays(Trainer<T>&);                        \
  template void load_training_arrays(Trainer<T>&, const SafeTensors&);                  \
  template void save_training(const std::string&, Trainer<T>&, const TrainingNumbers&); \
  template TrainingNumbers load_training(const std::string&, Trainer<T>&)
EQNN_INSTANTIATE(float);
EQNN_INSTANTIATE(double);
#undef EQNN_INSTANTIATE

}  // namespace eqnn
