"""How far a command is, for a person who looks on."""
import sys
import warnings


def _watched():
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Progress:
    """A bar of tqdm where that is installed, else one line on stderr that moves on.

    show: True, False, or None, in a terminal and in a notebook alone. total: steps or runs, None where it is not known.
    """

    def __init__(self, label, total, show=None):
        self.label, self.total, self.bar, self.length = label, total, None, 0
        self.shown = _watched() if show is None else show
        if not self.shown:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that there are no widgets
                from tqdm.auto import tqdm
                self.bar = tqdm(total=total, desc=label)
        except ImportError:
            pass

    def update(self, done, text=""):
        """`done` of the total, and what else is worth a look."""
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(done - self.bar.n)
        elif self.shown:
            line = f"{self.label}: {done}" + (f" of {self.total}" if self.total else "") + (f", {text}" if text else "")
            sys.stderr.write("\r" + line.ljust(self.length))
            sys.stderr.flush()
            self.length = len(line)

    def close(self):
        if self.bar is not None:
            self.bar.close()
        elif self.length:
            sys.stderr.write("\n")
