"""Draws charts: once with matplotlib, and from that a PNG and an SVG for the page.

The SVG is written by a renderer of our own: text stays text in the page's font, colours are the
page's, so that they follow its light or dark scheme, and it is far smaller than matplotlib's.
Neither pyplot nor matplotlib's settings are touched, as evaluations may run in several threads.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The page's colours and what they are in its light scheme. Blue, orange, green and purple are told
# apart by colour-blind people, too.
COLOURS = {
    "ink": "#1b2733",
    "muted": "#566270",
    "grid": "#dde3e9",
    "blue": "#0069a8",
    "orange": "#c2500a",
    "green": "#00795a",
    "purple": "#93407c",
    "faded": "#a7b1bb",
    "card": "#ffffff",
}
WIDTH = 340  # points; as wide as a telephone, so that text keeps its size there
SIZE = 10  # of text, in points
_MARGIN = 8
_LINE = 1.35 * SIZE
_DPI = 160
_TITLE_WIDTH = 46  # characters

_NAMES = {colour: name for name, colour in COLOURS.items()}
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


class Panel:
    """The area of a chart: axes with a plain look, and text at its places.

    Parameters
    ----------
    axes : Axes
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes

    def scale(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        x_ticks: dict[float, str],
        y_ticks: dict[float, str],
    ) -> None:
        """Set what the axes reach from and to, and which places are labelled."""
        axes = self.axes
        axes.set_xlim(*x)
        axes.set_ylim(*y)
        for at, label in x_ticks.items():
            axes.plot([at, at], y, color=COLOURS["grid"], linewidth=0.8, zorder=0)
            self.text(at, y[0], label, colour="muted", ha="center", va="top", dy=-4)
        for at, label in y_ticks.items():
            axes.plot(x, [at, at], color=COLOURS["grid"], linewidth=0.8, zorder=0)
            self.text(x[0], at, label, colour="muted", ha="right", va="center", dx=-5)

    def names(self, x: str, y: str) -> None:
        """Say what the axes are: the vertical one above it, so that nobody has to turn the head."""
        left, bottom = self.axes.get_xlim()[0], self.axes.get_ylim()[0]
        right, top = self.axes.get_xlim()[1], self.axes.get_ylim()[1]
        self.text(left, top, y, ha="left", va="bottom", dx=-30, dy=8)
        self.text((left + right) / 2, bottom, x, ha="center", va="top", dy=-20)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        colour: str = "ink",
        *,
        dx: float = 0,
        dy: float = 0,
        ha: str = "left",
        va: str = "baseline",
        bold: bool = False,
    ) -> None:
        """Write text at a place of the data, `dx` and `dy` points away from it."""
        self.axes.annotate(
            _drawable(text),
            (x, y),
            (dx, dy),
            textcoords="offset points",
            color=COLOURS[colour],
            fontsize=SIZE,
            ha=ha,
            va=va,
            fontweight="bold" if bold else "normal",
            parse_math=False,
            annotation_clip=False,
        )

    def line(self, x: Any, y: Any, colour: str, **options: Any) -> None:
        """Draw a line."""
        options = {"linewidth": 2, "solid_joinstyle": "round", **options}
        self.axes.plot(x, y, color=COLOURS[colour], clip_on=False, **options)

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draw a bar from its lower left corner."""
        from matplotlib.patches import Rectangle

        self.axes.add_patch(
            Rectangle((x, y), width, height, facecolor=COLOURS[colour], edgecolor="none")
        )

    def cell(self, x: float, y: float, strength: float) -> None:
        """Draw a square of size 1 whose colour is the stronger the more there is, from 0 to 1."""
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Rectangle

        self.axes.add_patch(
            Rectangle(
                (x, y),
                1,
                1,
                facecolor=to_rgba(COLOURS["blue"], 0.04 + 0.36 * strength),
                edgecolor=COLOURS["card"],
                linewidth=2,
            )
        )


def render(
    title: str,
    draw: Callable[[Panel], None],
    height: float,
    margins: tuple[float, float, float, float],
) -> tuple[bytes, str]:
    """Return a chart as a PNG, which carries its title, and as an SVG, whose title the page says.

    Parameters
    ----------
    title : str
    draw : callable
        Draws into the panel that it gets.
    height : float
        Of the panel, in points.
    margins : tuple of float
        Points left free beside the panel for text: left, right, below, above.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    left, right, below, above = margins
    lines = textwrap.wrap(_drawable(title), _TITLE_WIDTH) or [""]
    header = 2 * _MARGIN + len(lines) * _LINE
    total = header + above + height + below
    figure = Figure(figsize=(WIDTH / 72, total / 72), dpi=_DPI, facecolor=COLOURS["card"])
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (left / WIDTH, below / total, (WIDTH - left - right) / WIDTH, height / total)
    )
    axes.set_axis_off()
    draw(Panel(axes))
    heading = figure.text(
        _MARGIN / WIDTH,
        1 - _MARGIN / total,
        "\n".join(lines),
        color=COLOURS["ink"],
        fontsize=SIZE + 1,
        fontweight="bold",
        va="top",
        linespacing=1.2,
        parse_math=False,
    )
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    heading.remove()
    figure.patch.set_visible(False)
    return png.getvalue(), _svg(figure, total, header)


def _svg(figure: Any, total: float, header: float) -> str:
    """Return the figure without the part of it that the title took."""
    from matplotlib.backend_bases import RendererBase

    class Renderer(RendererBase):
        """Writes what is drawn as SVG, in points."""

        def __init__(self) -> None:
            super().__init__()
            self.parts: list[str] = []

        def get_canvas_width_height(self) -> tuple[float, float]:
            return WIDTH, total

        def points_to_pixels(self, points: Any) -> Any:
            return points

        def draw_path(self, gc: Any, path: Any, transform: Any, rgbFace: Any = None) -> None:
            style = _fill(rgbFace) + _stroke(gc)
            segments = path.iter_segments(transform, simplify=False, curves=True)
            d = "".join(_command(code, points, total) for points, code in segments)
            self.parts.append(f'<path d="{d}" style="{style}"/>')

        def draw_text(
            self,
            gc: Any,
            x: float,
            y: float,
            s: str,
            prop: Any,
            angle: float,
            ismath: Any = False,
            mtext: Any = None,
        ) -> None:
            # where it is anchored, not where it begins: the page's font has other widths
            at = mtext.get_transform().transform(mtext.get_unitless_position())[0]
            anchor = _ANCHORS[mtext.get_ha()]
            weight = ";font-weight:600" if prop.get_weight() == "bold" else ""
            self.parts.append(
                f'<text x="{_short(at)}" y="{_short(y)}" text-anchor="{anchor}" '
                f'style="{_fill(gc.get_rgb())}font-size:{prop.get_size():g}px{weight}">'
                f"{escape(s)}</text>"
            )

    figure.dpi = 72
    renderer = Renderer()
    figure.draw(renderer)
    height = _short(total - header)
    return (
        f'<svg viewBox="0 {_short(header)} {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'aria-hidden="true">'
        f"{''.join(renderer.parts)}</svg>"
    )


def _command(code: int, points: Any, total: float) -> str:
    """Return a step of a path as SVG writes it; its vertical axis points down."""
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    letter = letters[int(code)]
    if letter == "Z":
        return letter
    pairs = [
        f"{_short(points[i])} {_short(total - points[i + 1])}" for i in range(0, len(points), 2)
    ]
    return letter + " ".join(pairs)


def _fill(colour: Any) -> str:
    if colour is None:
        return "fill:none;"
    opacity = f"fill-opacity:{colour[3]:.2f};" if len(colour) == 4 and colour[3] < 1 else ""
    return f"fill:var(--{_name(colour)});{opacity}"


def _stroke(gc: Any) -> str:
    if not gc.get_linewidth():
        return ""
    dash = gc.get_dashes()[1]
    dashes = f";stroke-dasharray:{','.join(f'{length:g}' for length in dash)}" if dash else ""
    return f"stroke:var(--{_name(gc.get_rgb())});stroke-width:{gc.get_linewidth():g}{dashes}"


def _name(colour: Any) -> str:
    from matplotlib.colors import to_hex

    return _NAMES[to_hex(colour[:3])]


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _drawable(text: str) -> str:
    """Return text without signs that the font of the PNG may lack."""
    return "".join(
        c if c.isprintable() and (c < "\u0500" or c in "–…’“”≥≤×↑↓→") else "?" for c in text
    )
