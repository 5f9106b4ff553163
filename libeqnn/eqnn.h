// libeqnn: a small, exact training library for equivariant networks. This header has all of it.
#pragma once

#include "checkpoint.h"
#include "layers.h"
#include "matrix.h"
#include "ops.h"
#include "params.h"
#include "program.h"
#include "rng.h"
#include "trainer.h"
