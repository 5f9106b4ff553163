// The yardstick of the benchmark: one SGD step of a graph network written by hand, behind a C interface.
//
// It lives in a module of its own, which `eqnn bench` opens with dlopen, because it is built for the
// machine at hand (-march=native -ffast-math) and what is installed must not be.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct EqnnHandStep EqnnHandStep;

// Graphs of n nodes with one input channel, raw adjacency; 3 message-passing layers of `width` channels
// with relu, sum over nodes, Linear(width, width), relu, Linear(width, 1); squared error; plain SGD.
EqnnHandStep* eqnn_hand_create(int64_t n, int64_t width, int64_t batch, int threads);
void eqnn_hand_destroy(EqnnHandStep* step);

// All weights [in, out] (message passing: [W_self ; W_nbr], [2 in, out]) and biases [out] in the order of
// the layers, one after the other without gaps; and the gradient of the last step, laid out alike.
int64_t eqnn_hand_size(const EqnnHandStep* step);
float* eqnn_hand_values(EqnnHandStep* step);
const float* eqnn_hand_gradient(EqnnHandStep* step);

// One update on x [batch, n], adjacency [batch, n, n], y [batch]; returns the mean loss before it.
double eqnn_hand_step(EqnnHandStep* step, float rate, const float* x, const float* adjacency, const float* y);

#ifdef __cplusplus
}
#endif
