"""Fresh batches of a family, drawn by the command in chunks."""
import hashlib

from .commands import sample

CHUNK = 32  # batches a call of the command: another number gives other examples


def batches(family, batch=32, steps=1000, seed=0, data_seed=None, worker=0, workers=1, **parameters):
    """Yields (x, y) of `sample`, `batch` examples each, `steps` of them; no example comes twice but by chance.

    The member is drawn by `seed` or `member_seed`, the inputs by `data_seed`, `seed` unless it is given: chunk c, which
    is 32 batches, by the first eight bytes of SHA-256("DATA_SEED c"), little-endian. The same arguments give the same
    batches, fewer steps the first of them. Of several workers each draws every workers-th chunk: together the same
    batches. Raises EqnnError, and ValueError for a batch below 1, steps below 0, a worker that is none of `workers`.
    """
    if batch < 1 or steps < 0 or not 0 <= worker < workers:
        raise ValueError(f"batch is {batch}, steps {steps}, worker {worker} of {workers}; "
                         "allowed are a batch from 1, steps from 0, and a worker from 0 to below workers")
    data_seed = seed if data_seed is None else data_seed
    for chunk in range(worker, -(-steps // CHUNK), workers):
        drawn = hashlib.sha256(f"{data_seed} {chunk}".encode()).digest()
        x, y, _ = sample(family, count=batch * CHUNK, seed=seed, data_seed=int.from_bytes(drawn[:8], "little"), **parameters)
        for k in range(min(CHUNK, steps - chunk * CHUNK)):
            yield x[k * batch:(k + 1) * batch], y[k * batch:(k + 1) * batch]
