"""
How the cost of pruning grows
=============================

Processor time of pruning, as one of four numbers grows: the rows of the table, its columns, the
trees of the forest, or the classes. The figures are measured by ``python -m benchmarks growth``,
and stored beside the documentation. The models are fitted beforehand, and their fits are shown for
comparison.
"""

# %%
# The figures
# -----------

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

root = Path() if Path("docs").is_dir() else Path("..")  # the gallery runs in its own folder
figures = pd.read_csv(root / "docs" / "figures" / "growth.csv")
print(figures.pivot_table(index=["axis", "size"], columns="what", values="seconds", sort=False))

# %%
# The curves
# ----------
# A line of slope one grows in proportion. Fits of models are dashed.

fig, axes = plt.subplots(2, 2, figsize=(9, 8), sharey=True, layout="constrained")
names = list(dict.fromkeys(figures["what"]))
for ax, (axis, part) in zip(axes.flat, figures.groupby("axis", sort=False), strict=True):
    for name in names:
        line = part[part["what"] == name]
        style = "--" if name.startswith("fit of") else "-"
        ax.plot(line["size"], line["seconds"], style, marker=".", label=name)
    ax.set(xlabel=axis, xscale="log", yscale="log")
for ax in axes[:, 0]:
    ax.set_ylabel("seconds of one core")
handles, labels = axes[0, 0].get_legend_handles_labels()
legend = fig.legend(handles, labels, loc="outside lower center", ncols=3)
