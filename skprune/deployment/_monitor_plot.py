"""The picture of a monitor: agreement of the batches over the samples seen so far."""

import numpy as np

from skprune._compat import import_extra

# With so many batches the intervals are a band; fewer have bars.
FEW = 60


def draw_batches(ax, frame, lines, alarm_at):
    """Draw the batches.

    Parameters
    ----------
    ax : matplotlib Axes or None
        Axes to draw on; a new figure if None.
    frame : DataFrame
        From `AgreementMonitor.frame`.
    lines : dict of str to float
        Levels that are drawn as horizontal lines; NaN is left out.
    alarm_at : int or None
        Number of samples at which the alarm came.

    Returns
    -------
    matplotlib Axes
        The axes.
    """
    plt = import_extra("matplotlib.pyplot", "plot", "A plot")
    ticker = import_extra("matplotlib.ticker", "plot", "A plot")
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    ends = frame["n_samples"].cumsum().to_numpy()
    middle = ends - frame["n_samples"].to_numpy() / 2
    agreement, low, high = (frame[name].to_numpy() for name in ("agreement", "low", "high"))
    label, colour = "batch, with its exact interval", "C0"
    if len(frame) <= FEW:
        reach = np.abs([agreement - low, high - agreement])
        marks = {"fmt": "o", "markersize": 3.5, "linewidth": 1, "color": colour}
        ax.errorbar(middle, agreement, reach, label=label, zorder=3, **marks)
    else:
        ax.plot(middle, agreement, color=colour, linewidth=1, label=label, zorder=3)
        ax.fill_between(middle, low, high, color=colour, alpha=0.18, linewidth=0, zorder=2)
    for (name, value), style in zip(lines.items(), (":", "--"), strict=True):
        if np.isfinite(value):
            text = f"{name}: {value:.3f}"
            ax.axhline(value, color="0.35", linestyle=style, linewidth=1.2, label=text)
    if alarm_at is not None:
        text = f"alarm at {alarm_at:,} samples"
        ax.axvline(alarm_at, color="C3", linewidth=1.5, label=text, zorder=2)
    ax.set_xlabel("Samples seen")
    ax.set_ylabel("Agreement with the whole model")
    ax.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.grid(axis="y", color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize="small", loc="lower left")
    return ax
