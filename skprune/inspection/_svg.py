"""Plots as inline SVG that takes its colours from the page around it."""

import io
import re
from html import escape

from skprune._compat import import_extra

# Colours of a plot, and the variables of the page that replace them.
INK = "#010203"
COLOURS = {
    INK: "currentColor",
    "#ffffff": "var(--card)",
    "#ebebeb": "var(--rule)",
    "#1f77b4": "var(--line)",
    "#c7c7c7": "var(--gone)",  # what is removed
    "#d9d9d9": "var(--gone)",  # what was there before
}
SETTINGS = {
    "svg.fonttype": "path",  # the same on every machine, and no text that could be markup
    "svg.hashsalt": "skprune",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    **dict.fromkeys(["text.color", "axes.edgecolor", "axes.labelcolor"], INK),
    **dict.fromkeys(["xtick.color", "ytick.color"], INK),
}


def draw_svg(draw, alt, *, size=(5.8, 3.8)):
    """Draw on new axes and return the picture as an element of HTML.

    Parameters
    ----------
    draw : callable
        Takes matplotlib Axes, and plots.
    alt : str
        What the picture shows, for readers who do not see it.
    size : tuple of float, default=(5.8, 3.8)
        Width and height in inches.

    Returns
    -------
    str
        An `svg` element without fixed width.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    mpl = import_extra("matplotlib", "plot", "A plot")
    figures = import_extra("matplotlib.figure", "plot", "A plot")
    file = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        figure = figures.Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    picture = file.getvalue()
    picture = re.sub(r"<!--.*?-->\n?|<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    picture = picture[picture.index("<svg") :]
    for old, new in COLOURS.items():
        picture = picture.replace(old, new)
    start = f'<svg role="img" aria-label="{escape(alt)}"'
    return re.sub(r'<svg( xmlns[^>]*?)? width="[^"]*" height="[^"]*"', start, picture, count=1)
