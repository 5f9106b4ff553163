// `eqnn certify --continuity`.
#pragma once

#include "runs/certified_run.h"

namespace tools {

// Prints what networks of clouds do on paths through degenerate ones, and draws it. kAnsweredNo when one jumps.
int continuity_command(const CertifyFlags& flags, const Common& common);

}  // namespace tools
