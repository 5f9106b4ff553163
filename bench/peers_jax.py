"""The rows of `eqnn bench` in JAX, as variants of which the fastest counts: one jitted step, its buffers donated."""
import os
from types import SimpleNamespace

import numpy

import peers_networks as networks


def start(threads):
    """Imports JAX with a pool of so many threads: XLA makes one for each processor that the process may use. The
    threads may run anywhere afterwards."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(processors)[:threads])
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    jax.block_until_ready(jax.jit(lambda x: x @ x)(jax.numpy.ones((64, 64))))
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), processors)
    return jax


def operations(jax):
    jnp = jax.numpy

    def linear(x, weight, bias=None):
        y = x @ weight.T
        return y if bias is None else y + bias

    def convolution(x, weight, bias):
        return jax.lax.conv_general_dilated(x, weight, (1,), "VALID") + bias[:, None]

    def windows(x, n):
        return x[:, numpy.arange(n)[:, None] + numpy.arange(n)]

    return SimpleNamespace(
        relu=jax.nn.relu,
        linear=linear,
        concatenate=jnp.concatenate,
        add_product=lambda start, a, b: start + a @ b,
        convolution=convolution,
        einsum=jnp.einsum,
        rfft=lambda x, axis: jnp.fft.rfft(x, axis=axis),
        irfft=lambda x, n, axis: jnp.fft.irfft(x, n, axis=axis),
        windows=windows,
        gather_rows=lambda x, indices: x[indices],
    )


def scatter_sum(jax, row):
    return lambda x, inputs: jax.numpy.zeros_like(x).at[inputs["targets"]].add(x[inputs["neighbors"]])


def segment_sum(jax, row):
    """Sums over sorted segments, forward and, by the transpose, backward."""
    def gather_sum(x, sources, targets):
        return jax.ops.segment_sum(x[sources], targets, row.n, indices_are_sorted=True)

    @jax.custom_vjp
    def neighbor_sum(x, inputs):
        return gather_sum(x, inputs["neighbors"], inputs["targets"])

    def backward(inputs, gradient):
        return gather_sum(gradient, inputs["reverse_targets"], inputs["reverse_sources"]), None

    neighbor_sum.defvjp(lambda x, inputs: (neighbor_sum(x, inputs), inputs), backward)
    return neighbor_sum


NETWORKS = {
    "concatenated": networks.graph_network,
    "split": lambda ops, row: networks.graph_network(ops, row, split=True),
    "conv": networks.by_convolution,
    "copies": networks.by_copies,
    "circulant": networks.by_circulant,
    "fft-einsum": networks.by_einsum_fft,
    "fft": networks.by_frequencies,
    "dft": networks.by_matrices,
}
SUMS = {"scatter": scatter_sum, "segment": segment_sum}


def variants(model, layers):
    if model == "gnn":
        return ["concatenated", "split"]
    if model == "sparse":
        return list(SUMS)
    return ["conv"] + (["copies", "circulant"] if layers == 1 else []) + ["fft-einsum", "fft", "dft"]


class Peer:
    """One variant: `gradient(offset)` is loss and gradients with biases moved by that much, run(count) takes steps."""

    def __init__(self, variant, row, arrays):
        jax = self.jax = start(row.threads)
        self.version = "JAX " + jax.__version__
        ops = operations(jax)
        if variant in SUMS:
            self.network = networks.sparse_network(ops, row, SUMS[variant](jax, row))
        else:
            self.network = NETWORKS[variant](ops, row)
        self.inputs = {k: jax.numpy.asarray(v) for k, v in
                       (arrays["inputs"] | networks.constants(row, numpy)).items() if "offsets" not in k}
        if row.model == "sparse":
            lengths = numpy.diff(arrays["inputs"]["reverse_offsets"])
            self.inputs["reverse_sources"] = jax.numpy.asarray(numpy.repeat(numpy.arange(row.n, dtype="i4"), lengths))
        self.y = jax.numpy.asarray(arrays["y"])
        self.parameters = [jax.numpy.asarray(self.turn(p)) for p in arrays["parameters"]]
        self.value_and_gradient = jax.value_and_grad(self.loss)

        def update(parameters, inputs, y):
            value, gradient = self.value_and_gradient(parameters, inputs, y)
            return value, [p - row.rate * g for p, g in zip(parameters, gradient)]

        self.update = jax.jit(update, donate_argnums=0)

    def turn(self, p):
        return p.transpose(2, 1, 0) if p.ndim == 3 and hasattr(self.network, "frequency_major") else p

    def loss(self, parameters, inputs, y):
        return ((self.network(parameters, inputs) - y) ** 2).mean()

    def gradient(self, offset):
        moved = [p + offset if p.ndim == 1 else p for p in self.parameters]
        value, gradient = self.jax.jit(self.value_and_gradient)(moved, self.inputs, self.y)
        return float(value), [self.turn(numpy.asarray(g)) for g in gradient]

    def run(self, count):
        state = self.parameters
        for _ in range(count):
            _, state = self.update(state, self.inputs, self.y)
        self.parameters = self.jax.block_until_ready(state)
