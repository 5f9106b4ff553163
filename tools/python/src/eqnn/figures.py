"""`eqnn plot` as a function."""
import os
import pathlib
import tempfile

from .process import call


class Plot:
    """Figures that `plot` drew, which a notebook shows.

    figures  a dict for each: "name", "kind", "title", "caption" and "svg", its text
    svg      the text of the first
    """

    def __init__(self, figures):
        self.figures = figures

    @property
    def svg(self):
        return self.figures[0]["svg"]

    def _repr_svg_(self):
        return self.svg if len(self.figures) == 1 else None

    def _repr_html_(self):
        return None if len(self.figures) == 1 else "\n".join(figure["svg"] for figure in self.figures)

    def __repr__(self):
        return f"<eqnn plot: {', '.join(figure['name'] for figure in self.figures)}>"


def plot(where, kind, *, out=None, axes=None, **flags):
    """Draws the figures of a kind, or the one of a name, and returns them as a Plot.

    where: a database, a folder of runs, or a list of folders. kind: "frontier", "learning-curves", ..., as in
    docs/figures.md; eqnn.call("plot", where, list=True) has those that there are. out: F.svg, F.pdf or F.png, written too.
    axes: other labels of axes, {"n": "number of nodes"}. flags: those of `eqnn plot`: study, family, x, y, by, size="85x60mm",
    font, title, force. Raises EqnnError, also where gnuplot is not installed.
    """
    words = ["plot", *(where if isinstance(where, (list, tuple)) else [where])]
    if axes is not None:
        flags["axes"] = ";".join(f"{label}={text}" for label, text in axes.items())
    if out is not None:
        call(*words, figure=kind, out=out, **flags)
    with tempfile.TemporaryDirectory() as folder:
        drawn = call(*words, figure=kind, out=os.path.join(folder, "figure.svg"), **{**flags, "force": None})["figures"]
        for figure in drawn:
            figure["svg"] = pathlib.Path(figure.pop("file")).read_text(encoding="utf-8")
    return Plot(drawn)
