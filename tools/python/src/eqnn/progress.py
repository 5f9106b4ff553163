"""How far a command is, for a person who looks on."""
import re
import sys
import warnings


def _watched():
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Progress:
    """A bar of tqdm where that is installed, else one line on stderr that moves on: a watcher of process.call.

    show: True, False, or None, in a terminal and in a notebook alone. total: steps or runs.
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

    def line(self, document):
        """A line of stdout: an evaluation of `train`, or the end of a sweep."""
        if "step" in document:
            loss = document.get("normalized_test_loss")
            self.update(document["step"], "" if loss is None else f"test loss {loss:.4f}")
        elif "runs" in document:
            self.update(document["done"])

    def note(self, text):
        """A line of stderr; whether it told how far a sweep is, and is not to be shown."""
        found = re.match(r"run (\d+)/\d+  (.*)", text)
        if found:
            self.update(int(found[1]), found[2])
        return found is not None

    def update(self, done, text=""):
        """`done` of the total, and what else is worth a look."""
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(done - self.bar.n)
        elif self.shown:
            line = f"{self.label}: {done} of {self.total}" + (f", {text}" if text else "")
            sys.stderr.write("\r" + line.ljust(self.length))
            sys.stderr.flush()
            self.length = len(line)

    def close(self):
        if self.bar is not None:
            self.bar.close()
        elif self.length:
            sys.stderr.write("\n")
