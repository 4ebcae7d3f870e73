"""Ours and its peers in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import Container
from matplotlib.figure import Figure

from infra.lab.quality.cache import Cell
from infra.lab.quality.learners import EXISTING, LEARNERS, OURS
from infra.lab.quality.verdicts import Verdict, by_learner, values

_PANELS = {  # the measure, its title, from what to what it is shown
    "log_loss": ("Log-loss above the best peer's", -0.02, 0.08),
    "auc": ("AUC below the best peer's", -0.02, 0.08),
}
_MARKERS = dict(zip((name for name in LEARNERS if name != OURS), "xvsoD^<P*h", strict=False))


def draw(path: Path, cells: Mapping[str, Sequence[Cell]], verdicts: Sequence[Verdict]) -> None:
    """Draw how far each learner is from the best peer, dataset by dataset.

    Parameters
    ----------
    path : Path
        The PNG file to write.
    cells : mapping of str to list of cells
        By dataset.
    verdicts : list of Verdict
        In the order of the lines, from top to bottom.
    """
    mpl.rcParams["font.size"] = 9
    figure = Figure(figsize=(11, 1.6 + 0.24 * len(verdicts)), layout="constrained")
    axes: Sequence[Axes] = figure.subplots(1, len(_PANELS), sharey=True)
    for ax, (measure, (title, least, most)) in zip(axes, _PANELS.items(), strict=True):
        for line, verdict in enumerate(verdicts):
            comparison = verdict.log_loss if measure == "log_loss" else verdict.auc
            for name, of_learner in values(by_learner(cells[verdict.dataset]), measure).items():
                if name != OURS:
                    worse = abs(float(np.mean(of_learner)) - comparison.theirs)
                    ax.plot(
                        min(worse, most),
                        line,
                        _MARKERS[name],
                        color="tab:red" if name == EXISTING else "0.6",
                        markersize=4,
                        markerfacecolor="none",
                    )
            ax.errorbar(
                np.clip(comparison.worse, least, most),
                line,
                xerr=comparison.paired_error,
                fmt="o",
                color="tab:blue",
                markersize=5,
                capsize=2,
            )
        ax.axvline(0, color="black", linewidth=0.8)
        ax.set_xlim(least - 0.004, most + 0.004)
        ax.set_title(title)
        ax.set_xlabel(f"better  ←  0  →  worse; beyond {most} drawn at the edge")
        ax.grid(axis="y", color="0.92")
        ax.set_axisbelow(True)
    axes[0].set_yticks(range(len(verdicts)), [verdict.dataset for verdict in verdicts])
    axes[0].set_ylim(len(verdicts) - 0.4, -0.6)
    handles: list[Artist | Container] = [
        axes[0].errorbar([], [], xerr=[], fmt="o", color="tab:blue", capsize=2, label=OURS)
    ]
    for name, marker in _MARKERS.items():
        color = "tab:red" if name == EXISTING else "0.6"
        handles += axes[0].plot([], [], marker, color=color, markerfacecolor="none", label=name)
    figure.legend(
        handles=handles, loc="outside lower center", ncols=-(-len(handles) // 2), frameon=False
    )
    figure.savefig(path, dpi=100)
