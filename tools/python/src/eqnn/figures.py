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


def plot(results, kind, *, out=None, axes=None, where=None, **flags):
    """Draws the figures of a kind, or the one of a name, and returns them as a Plot.

    results: a database, a folder of runs, or a list of folders. kind: "frontier", "learning-curves", ..., as in
    docs/figures.md; eqnn.call("plot", results, list=True) has those that there are. out: F.svg, F.pdf or F.png, written too.
    axes: other labels of axes, {"n": "number of nodes"}. where: of these runs alone, {"optimizer": "adam"}. flags: those of
    `eqnn plot`: study, family, x, y, by, best, size="85x60mm", font, title, force. Raises EqnnError, also where gnuplot is
    not installed.
    """
    words = ["plot", *(results if isinstance(results, (list, tuple)) else [results])]
    for name, pairs in (("axes", axes), ("where", where)):
        if pairs is not None:
            flags[name] = ";".join(f"{key}={value}" for key, value in pairs.items())
    if out is not None:
        call(*words, figure=kind, out=out, **flags)
    with tempfile.TemporaryDirectory() as folder:
        drawn = call(*words, figure=kind, out=os.path.join(folder, "figure.svg"), **{**flags, "force": None})["figures"]
        for figure in drawn:
            figure["svg"] = pathlib.Path(figure.pop("file")).read_text(encoding="utf-8")
    return Plot(drawn)
