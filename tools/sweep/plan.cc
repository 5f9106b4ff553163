#include "sweep/plan.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

#include <eqnn/core/spelling.h>

#include "cli/json.h"
#include "cli/toml_text.h"
#include "data/members.h"
#include "learn/learner.h"
#include "results/labels.h"
#include "train/examples.h"
#include "train/resolve.h"

namespace tools {
namespace {

using Grid = std::vector<GridAxis>;

// " version 2" for a learner whose results are of a later version than the first, so that its runs have ids of
// their own.
std::string learner_version(const std::string& command, const std::string& family, const std::string& algorithm) {
  if (command != "learn") return "";
  for (const LearnerKind* kind : learners_of(family))
    if (algorithm.empty() || kind->name == algorithm)
      return kind->version_on(family) > 1 ? concat(" version ", kind->version_on(family)) : "";
  return "";
}

constexpr std::size_t kMostRuns = 1'000'000;
constexpr const char* kSeedsAllowed = "\"FIRST:END\" (END is left out) or a list of whole numbers";
// Keys of [run] and [grid] that would make runs disagree with the sweep around them.
constexpr const char* kNotInSweeps[] = {
    "out",     "seed", "seeds", "threads", "config", "help",     "dry-run", "print-config",     "verbose",
    "version", "list", "jobs",  "resume",  "force",  "progress", "expect",  "checkpoint-every", "json",
    "quiet"};

// A TOML document in the order of the file: toml++ sorts keys by name, so that positions decide.
class PlanReader {
 public:
  PlanReader(const std::string& text, const std::string& source) : source_(source) {
    document_ = parse_toml(text, source);
  }

  SweepPlan read(const std::string& text) {
    SweepPlan plan;
    plan.text = text;
    check_keys(document_, "", {"name", "title", "claim", "seeds", "command", "run", "grid", "sweeps"});
    plan.name = string_of(document_, "name");
    plan.title = string_of(document_, "title");
    plan.claim = string_of(document_, "claim");
    require(!plan.name.empty(), source_,
            ": key 'name' is missing; give the sweep one, such as name = \"frontier\"");
    const bool plain = std::all_of(plan.name.begin(), plan.name.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    require(plain && plan.name.front() != '.', source_, ": name is '", plan.name,
            "'; allowed are letters, digits, '-', '_' and '.', since files are named after it");
    if (!document_.contains("sweeps")) {
      plan.sweeps.push_back(sweep(document_, nullptr));
      plan.sweeps.back().name = "";
      plan.sweeps.back().title = "";
      return plan;
    }
    const toml::array* list = document_["sweeps"].as_array();
    require(list != nullptr && !list->empty() && list->is_array_of_tables(), source_,
            ": 'sweeps' is no list of tables; write [[sweeps]] before each");
    std::set<std::string> names;
    for (const toml::node& node : *list) {
      const toml::table& table = *node.as_table();
      check_keys(table, "[[sweeps]]: ", {"name", "title", "seeds", "command", "run", "grid"});
      plan.sweeps.push_back(sweep(table, &document_));
      const std::string& name = plan.sweeps.back().name;
      require(!name.empty(), source_, ": a table of [[sweeps]] has no 'name'; give each one of its own");
      require(names.insert(name).second, source_, ": two sweeps are named '", name,
              "'; give each a name of its own");
    }
    return plan;
  }

 private:
  void check_keys(const toml::table& table, const std::string& where, const std::vector<std::string>& known) const {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      require(std::find(known.begin(), known.end(), name) != known.end(), source_, ": ", where, "'", name,
              "' is not a known key", eqnn::spelling_hint(name, known), "; flags stand in [run] and [grid]");
    }
  }

  std::string string_of(const toml::table& table, const char* key) const {
    const toml::node* node = table.get(key);
    if (node == nullptr) return "";
    require(node->is_string(), source_, ": '", key, "' is no text; write ", key, " = \"...\"");
    return node->as_string()->get();
  }

  // Keys and nodes by their place in the file.
  static std::vector<std::pair<std::string, const toml::node*>> in_order(const toml::table& table) {
    std::vector<std::pair<std::string, const toml::node*>> entries;
    for (const auto& [key, node] : table) entries.emplace_back(std::string(key.str()), &node);
    std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
      const auto at = [](const toml::node* n) {
        return std::pair(n->source().begin.line, n->source().begin.column);
      };
      return at(a.second) < at(b.second);
    });
    return entries;
  }

  const toml::table* table_of(const toml::table& parent, const char* key) const {
    const toml::node* node = parent.get(key);
    if (node == nullptr) return nullptr;
    require(node->is_table(), source_, ": '", key, "' is no table; write [", key, "] and its flags below it");
    return node->as_table();
  }

  // The values of a flag, or tables of flags that change together.
  std::vector<RawOptions> axis_values(const std::string& key, const toml::node& node) const {
    std::vector<RawOptions> list;
    const toml::array* array = node.as_array();
    if (array == nullptr || array->empty() || !array->is_array_of_tables()) {
      check_flag(key);
      for (const std::string& value : values(key, node)) list.push_back({{key, value}});
      return list;
    }
    for (const toml::node& item : *array) {
      RawOptions& point = list.emplace_back();
      for (const auto& [name, value] : in_order(*item.as_table())) {
        check_flag(name);
        point.push_back({name, toml_value(source_, name, *value)});
      }
      const auto same_names = [](const RawOptions& a, const RawOptions& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                          [](const auto& x, const auto& y) { return x.name == y.name; });
      };
      require(!point.empty() && same_names(point, list.front()), source_, ": the tables of '", key,
              "' have different flags; all of them set the same ones, in one order");
    }
    return list;
  }

  std::vector<std::string> values(const std::string& key, const toml::node& node) const {
    std::vector<std::string> list;
    if (const toml::array* array = node.as_array())
      for (const toml::node& item : *array) list.push_back(toml_value(source_, key, item));
    else
      list.push_back(toml_value(source_, key, node));
    require(!list.empty(), source_, ": '", key, "' of the grid has no values; give it some, or leave it out");
    return list;
  }

  void check_flag(const std::string& key) const {
    for (const char* wrong : kNotInSweeps)
      require(key != wrong, source_, ": '", key, "' cannot stand in [run] or [grid]; ",
              key.starts_with("seed") ? "write seeds = \"0:5\" before them"
                                      : "it is a flag of eqnn sweep itself, or of no use there");
  }

  // Appends, or replaces what has the same key.
  template <class Entries, class Value>
  static void put(Entries& entries, const std::string& key, Value value) {
    for (auto& entry : entries)
      if (key_of(entry) == key) {
        set(entry, std::move(value));
        return;
      }
    entries.push_back({key, std::move(value)});
  }
  static const std::string& key_of(const RawOption& o) { return o.name; }
  static const std::string& key_of(const GridAxis& a) { return a.name; }
  static void set(RawOption& o, std::string v) { o.value = std::move(v); }
  static void set(GridAxis& a, std::vector<RawOptions> v) { a.values = std::move(v); }

  void add_flags(Sweep& s, const toml::table& from) const {
    if (const toml::table* run = table_of(from, "run"))
      for (const auto& [key, node] : in_order(*run)) {
        check_flag(key);
        put(s.run, key, toml_value(source_, key, *node));
        std::erase_if(s.grid, [&, k = key](const GridAxis& a) { return a.sets(k); });
      }
    if (const toml::table* grid = table_of(from, "grid"))
      for (const auto& [key, node] : in_order(*grid)) {
        std::vector<RawOptions> list = axis_values(key, *node);
        for (const RawOption& o : list.front()) {
          require(!is_label(o), source_, ": '", o.name,
                  "' stands in the grid, and is no setting; write it in [run]");
          if (const toml::table* run = table_of(from, "run"))
            require(!run->contains(o.name), source_, ": '", o.name, "' stands in run and in grid; name it once");
          for (const GridAxis& other : s.grid)
            require(other.name == key || !other.sets(o.name), source_, ": '", o.name, "' stands in '", other.name,
                    "' and in '", key, "' of the grid; name it once");
          std::erase_if(s.run, [&](const RawOption& r) { return r.name == o.name; });
        }
        put(s.grid, key, std::move(list));
      }
  }

  std::vector<std::uint64_t> seeds(const toml::node& node) const {
    std::vector<std::uint64_t> list;
    if (const auto* text = node.as_string()) {
      const std::string& t = text->get();
      const auto colon = t.find(':');
      if (colon == std::string::npos) refuse_one_number(t);
      const auto low = whole_number(t.substr(0, colon));
      const auto high = colon == std::string::npos ? std::nullopt : whole_number(t.substr(colon + 1));
      require(low && high && *low >= 0 && *high >= 0 && *high - *low <= static_cast<std::int64_t>(kMostRuns),
              source_, ": seeds is '", t, "'; allowed are ", kSeedsAllowed);
      for (std::int64_t s = *low; s < *high; ++s) list.push_back(static_cast<std::uint64_t>(s));
    } else {
      if (!node.is_array()) refuse_one_number(toml_value(source_, "seeds", node));
      for (const std::string& v : values("seeds", node)) list.push_back(parse_seed("seeds", v));
    }
    require(!list.empty(), source_, ": seeds is empty; allowed are ", kSeedsAllowed);
    require(std::set(list.begin(), list.end()).size() == list.size(), source_,
            ": a seed is given twice in 'seeds'");
    return list;
  }

  // Four seeds, or the seed 4? Both are meant by it.
  void refuse_one_number(const std::string& value) const {
    const auto n = whole_number(value);
    require(!n || *n < 0, source_, ": seeds is ", value, ", which may be how many or which one; write ",
            n == 0 ? "" : concat("seeds = \"0:", value, "\" for ", value, n == 1 ? " seed, " : " seeds, "),
            "seeds = [", value, "] for the seed ", value);
    throw ValueError(concat(source_, ": seeds is '", value, "'; allowed are ", kSeedsAllowed));
  }

  Sweep sweep(const toml::table& table, const toml::table* defaults) const {
    Sweep s;
    s.name = string_of(table, "name");
    s.title = string_of(table, "title");
    s.seeds = {0};
    for (const toml::table* from : {defaults, &table}) {
      if (from == nullptr) continue;
      if (const std::string command = string_of(*from, "command"); !command.empty()) s.command = command;
      if (const toml::node* node = from->get("seeds")) s.seeds = seeds(*node);
      add_flags(s, *from);
    }
    const std::vector<std::string> commands = {"train", "learn", "gradvar", "bound"};
    require(std::find(commands.begin(), commands.end(), s.command) != commands.end(), source_, ": command is '",
            s.command, "'; allowed are train, learn, gradvar and bound");
    return s;
  }

  const std::string source_;
  toml::table document_;
};

// init-from = "runs/small/{seed}": each seed begins with weights of its own.
void name_seed(RawOptions& flags, std::uint64_t seed) {
  constexpr std::string_view kSeed = "{seed}";
  for (RawOption& o : flags)
    if (o.name == "init-from")
      for (std::size_t at = 0; (at = o.value.find(kSeed, at)) != std::string::npos;)
        o.value.replace(at, kSeed.size(), std::to_string(seed));
}

std::string point_text(const RawOptions& values, std::uint64_t seed) {
  std::string text;
  for (const RawOption& o : values) text += concat(o.name, " = ", o.value, ", ");
  return concat(text, "seed ", seed);
}

// The runs of all grids.
class Planner {
 public:
  Planner(SweepPlan& plan, const std::string& source) : plan_(plan), source_(source) {}

  void run() {
    for (Sweep& s : plan_.sweeps) {
      double count = static_cast<double>(s.seeds.size());
      for (const GridAxis& axis : s.grid) count *= static_cast<double>(axis.values.size());
      require(count <= static_cast<double>(kMostRuns), source_, ": the grid has ", count, " runs; at most ",
              kMostRuns, " are allowed: make it smaller");
      for (round_ = 0; round_ < s.seeds.size(); ++round_) add_points(s, s.seeds[round_]);
      points_ += static_cast<std::size_t>(count) / s.seeds.size();
    }
  }

 private:
  void add_points(Sweep& s, std::uint64_t seed) {
    std::vector<std::size_t> at(s.grid.size(), 0);
    point_ = points_;
    for (bool more = true; more; ++point_) {
      RawOptions values;
      for (std::size_t i = 0; i < at.size(); ++i) {
        const RawOptions& point = s.grid[i].values[at[i]];
        values.insert(values.end(), point.begin(), point.end());
      }
      add(s, seed, values);
      more = false;
      for (std::size_t i = at.size(); i-- > 0 && !more;) {
        more = ++at[i] < s.grid[i].values.size();
        if (!more) at[i] = 0;
      }
    }
  }

  void add(Sweep& s, std::uint64_t seed, const RawOptions& values) {
    PlannedRun run;
    run.command = s.command;
    run.seed = seed;
    run.round = round_;
    run.point = point_;
    run.flags = s.run;
    run.flags.insert(run.flags.end(), values.begin(), values.end());
    name_seed(run.flags, seed);
    require(run.command == "train" || !last_value(run.flags, "family").empty(), source_,
            ": no family is given for '", s.command, "'; name one in [run] or [grid]");
    require(run.command == "train" || std::ranges::none_of(run.flags, is_label), source_,
            ": tag and note are for runs of train; this command is ", s.command);
    try {
      run.command == "train" ? plan_training(run) : plan_other(run);
    } catch (const ValueError& e) {
      throw ValueError(concat(source_, ": at ", point_text(values, seed), ": ", e.what()));
    }
    const auto [found, fresh] = index_.try_emplace(run.run_id, plan_.runs.size());
    if (fresh) plan_.runs.push_back(std::move(run));
    if (fresh || std::find(s.runs.begin(), s.runs.end(), found->second) == s.runs.end()) {
      s.runs.push_back(found->second);
      s.values.push_back(values);
    }
  }

  void plan_training(PlannedRun& run) {
    parse_labels(run.flags);
    RawOptions settings = run.flags;
    std::erase_if(settings, is_label);
    run.config = resolve_config(settings, run.seed,
                                [this](const auto& path, const auto& format, const DataChoices& choices) {
                                  auto& data = data_[{path, format, choices.targets, choices.node_labels}];
                                  if (!data) data = read_data(path, format, choices);
                                  return data;
                                });
    const TrainConfig& c = *run.config;
    if (c.data.empty() && is_new({"train", c.family, c.params, concat(c.control, " ", c.noise, " ", c.member)}))
      make_member(c);
    run.run_id = tools::run_id(c);
  }

  void plan_other(PlannedRun& run) {
    const std::string name = last_value(run.flags, "family");
    const eqnn::hard::Family& family = eqnn::hard::family(name);
    RawOptions parameters;
    std::copy_if(run.flags.begin(), run.flags.end(), std::back_inserter(parameters),
                 [&](const RawOption& o) { return family.has_parameter(o.name); });
    const auto params = family_parameters(family, parameters);
    if (last_value(run.flags, "member").empty() && is_new({run.command, family.id, params, ""})) {
      // A bound needs no member, and there may be none.
      if (run.command == "bound")
        family.second_moments(params);
      else
        family.draw(params, run.seed);
    }
    std::map<std::string, std::string> sorted;
    for (const RawOption& o : run.flags) sorted[o.name] = o.value;
    std::string text =
        concat(run.command, learner_version(run.command, name, last_value(run.flags, "algo")), " seed ", run.seed);
    for (const auto& [key, value] : sorted) text += concat("\n", key, " ", value);
    run.run_id = content_id(text);
  }

  // Command, family, parameters, and what else decides whether a run has a member. Of all seeds one is tried.
  using MemberKey = std::tuple<std::string, std::string, eqnn::hard::ParameterValues, std::string>;
  bool is_new(const MemberKey& key) { return members_.insert(key).second; }

  SweepPlan& plan_;
  const std::string& source_;
  using DataKey = std::tuple<std::string, std::string, DataChoices::Targets, DataChoices::NodeLabels>;
  std::map<DataKey, std::shared_ptr<const LabelledExamples>> data_;
  std::set<MemberKey> members_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t points_ = 0, point_ = 0, round_ = 0;  // points: of the sweeps before
};

// A value of a flag as JSON has it.
bool is_switch(const std::string& name, const std::string& value) {
  if (value != "true" && value != "false") return false;
  if (name == "online") return true;
  for (const ConfigField& f : config_fields())
    if (f.name == name) return f.is_switch;
  return true;  // a parameter of a family
}

}  // namespace

SweepPlan plan_sweep(const std::string& text, const std::string& source) {
  SweepPlan plan = PlanReader(text, source).read(text);
  Planner(plan, source).run();
  return plan;
}

std::string SweepPlan::record(const std::string& command) const {
  Json j;
  j["format"] = 1;
  j["name"] = name;
  j["title"] = title;
  j["claim"] = claim;
  j["command"] = command;
  j["toml"] = text;
  j["sweeps"] = Json::array();
  for (const Sweep& s : sweeps) {
    Json entry;
    entry["name"] = s.name.empty() ? name : s.name;
    entry["title"] = s.title.empty() ? title : s.title;
    entry["command"] = s.command;
    entry["swept"] = Json::array();
    for (const GridAxis& axis : s.grid)
      for (const RawOption& o : axis.values.front()) entry["swept"].push_back(o.name);
    entry["seeds"] = s.seeds;
    entry["runs"] = Json::array();
    for (std::size_t i = 0; i < s.runs.size(); ++i) {
      Json values = Json::object();
      for (const RawOption& o : s.values[i]) values[o.name] = typed_json(o.value);
      entry["runs"].push_back(
          {{"run_id", runs[s.runs[i]].run_id}, {"seed", runs[s.runs[i]].seed}, {"values", values}});
    }
    j["sweeps"].push_back(entry);
  }
  return to_text(j, 1) + "\n";
}

std::vector<std::string> run_arguments(const PlannedRun& run, const std::string& folder) {
  std::vector<std::string> words = {run.command};
  if (const std::string family = last_value(run.flags, "family"); !family.empty()) words.push_back(family);
  for (const RawOption& o : run.flags) {
    if (o.name == "family") continue;
    if (is_switch(o.name, o.value)) {
      words.push_back(o.value == "true" ? "--" + o.name : concat("--", o.name, "=false"));
    } else {
      words.push_back("--" + o.name);
      words.push_back(o.value);
    }
  }
  for (const std::string& word :
       {std::string("--seed"), std::to_string(run.seed), std::string("--out"), folder + "/" + run.run_id})
    words.push_back(word);
  return words;
}

std::string run_command(const PlannedRun& run, const std::string& folder) {
  return "eqnn " + shell_text(run_arguments(run, folder));
}

}  // namespace tools
