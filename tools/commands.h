// The subcommands: each declares its flags and what it runs, in a file of its own.
#pragma once

#include "cli/command_line.h"

namespace tools {

void add_families(CommandLine& line);
void add_train(CommandLine& line);
void add_predict(CommandLine& line);
void add_certify(CommandLine& line);
void add_doctor(CommandLine& line);
void add_sweep(CommandLine& line);
void add_reproduce(CommandLine& line);
void add_learn(CommandLine& line);
void add_bound(CommandLine& line);
void add_gradvar(CommandLine& line);
void add_tau_threshold(CommandLine& line);
void add_reduce(CommandLine& line);
void add_collect(CommandLine& line);
void add_plot(CommandLine& line);
void add_report(CommandLine& line);
void add_export(CommandLine& line);
void add_import(CommandLine& line);
void add_table(CommandLine& line);
void add_diff(CommandLine& line);
void add_tag(CommandLine& line);

// Parses the command line and runs the chosen subcommand; its exit code.
int run_command(int argc, char** argv);

}  // namespace tools
