// What the module eqnn_cbc.so exports; it is built with the command, and of use to this very build alone.
#pragma once

#include <string>

#include "learn/agreement.h"

// maximum_agreement; an exception's text comes back in `error`.
extern "C" void eqnn_cbc_agreement(const eqnn::hard::LabelledVectors& vectors, double seconds,
                                   tools::AgreementResult& result, std::string& error);
