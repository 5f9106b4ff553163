"""Samples of a family for PyTorch."""
try:
    import torch
except ImportError:
    raise ImportError("eqnn.torch needs PyTorch, which is not installed: pip install torch") from None

from .commands import sample
from .stream import batches


class Samples(torch.utils.data.IterableDataset):
    """Fresh batches of a family: `steps` pairs (x, y) of float32 tensors, [batch, ...] and [batch]; y as in eqnn.sample.

    DataLoader(Samples("gnn-degree-parity", n=8, batch=64, steps=1000), batch_size=None, num_workers=2)

    Arguments and what they promise are those of eqnn.batches: each pass gives the same batches, another data_seed gives
    others of the same member, which is in `member`. The workers of a DataLoader draw parts of their own, with one
    thread each; together they give the same batches for any number of workers, in an order that depends on the
    number. Raises EqnnError, here and not in a worker for what is not allowed.
    """

    def __init__(self, family, batch=32, steps=1000, seed=0, **parameters):
        super().__init__()
        self.family, self.batch, self.steps, self.seed, self.parameters = family, batch, steps, seed, parameters
        self.member = sample(family, count=1, seed=seed, **parameters)[2]

    def __len__(self):
        return self.steps

    def __iter__(self):
        info, flags = torch.utils.data.get_worker_info(), dict(self.parameters)
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        if workers > 1:
            flags.setdefault("threads", 1)
        for x, y in batches(self.family, self.batch, self.steps, self.seed, worker=worker, workers=workers, **flags):
            yield torch.from_numpy(x).to(torch.float32), torch.from_numpy(y).to(torch.float32)
