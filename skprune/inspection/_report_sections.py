"""The sections of a report, each a function from `Facts` to HTML; empty if it has no content."""

import sys
from functools import partial

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from skprune.base import BaseModelPruner
from skprune.exceptions import MissingExtraError, PruningError
from skprune.inspection import _page as page
from skprune.inspection._display import PruningPathDisplay
from skprune.inspection._pareto import ParetoDisplay
from skprune.inspection._report_display import MOST_NAMES, ReportDisplay, parts_of
from skprune.inspection._rule_words import level_in_words, rule_in_words, search_in_words
from skprune.inspection._svg import draw_svg

MOST_LISTED = 200
HEADS = {
    "r2": "R²",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "roc_auc_ovr": "ROC AUC",
    "batch_us": "µs per sample, batch",
    "row_us": "µs per sample, single",
}


def subtitle(facts):
    """Return the line below the title."""
    n_test = 0 if facts.test is None else len(facts.test[1])
    data = f"{n_test:,} test samples" if n_test else "no test samples"
    n_features = getattr(facts.chosen, "n_features_in_", None)
    if n_features is not None:
        data = f"{n_features:,} features, {data}"
    return page.paragraph(data, "soft")


def key_figures(facts):
    """Return the figures that matter most."""
    pairs = []
    before, after = facts.sizes
    if facts.prunes_model:
        pairs.append((_unit(facts), _change(before.get("units"), after["units"])))
    else:
        mask = facts.main.step.get_support()
        pairs.append(("features", _change(len(mask), int(mask.sum()))))
    pairs.append(("bytes", _change(before.get("bytes"), after["bytes"])))
    table = facts.table
    if table is not None:
        name = table.columns[0]
        scores = [table[name].get(model, np.nan) for model in ("whole", "chosen")]
        pairs.append((f"{HEADS.get(name, name)} on test data".replace("_", " "), _change(*scores)))
        if "agreement" in table:
            kind = "same predictions as before" if "accuracy" in table else "agreement"
            pairs.append((kind, page.number(table.loc["chosen", "agreement"])))
    return page.tiles([(label, value) for label, value in pairs if value])


def _change(before, after):
    if after is None or pd.isna(after):
        return ""
    known = before is not None and not pd.isna(before)
    return f"{page.number(before)} → {page.number(after)}" if known else page.number(after)


def question(facts):
    """Return what was asked."""
    lines = [] if facts.search is None else search_in_words(facts.search)
    searched = facts.searched
    lines += [
        level_in_words(each.step, each.path, searched=each.path in searched) for each in facts.steps
    ]
    return page.section("What was asked", page.bullets(lines))


def choice(facts):
    """Return what was chosen, and why."""
    if facts.search is None:
        return page.section("What was chosen", page.paragraph(_kept(facts)))
    search = facts.search
    params = ", ".join(f"{name}={_value(value)}" for name, value in search.best_params_.items())
    family = search.cv_results_.get("family")
    chosen = f"Chosen: {params}."
    if family is not None:
        chosen += f" Family: {family[search.best_index_]}."
    return page.section(
        "What was chosen, and why",
        page.paragraph(rule_in_words(search, facts.metric_words)),
        page.paragraph(chosen),
        page.paragraph(_kept(facts)),
        _marked_scores(facts),
    )


def _marked_scores(facts):
    """Return the cross-validated scores of the chosen, the whole and the best level, marked."""
    levels = facts.levels
    if levels is None:
        return ""
    # The whole model of other combinations is left out: only the line of the choice is shown.
    line = levels.loc[levels["chosen"], "line"].iloc[0]
    score = levels[facts.metric]
    best = levels.loc[score == score.max(), facts.size].idxmin()  # of equal ones the smallest
    levels = levels.assign(best=levels.index == best)
    own = levels["chosen"] | (levels["whole"] & (levels["line"] == line))
    rows = levels[own | levels["best"]]
    kinds = rows[["chosen", "whole", "best"]]
    names = [f"{' and '.join(kinds.columns[row])} †" for row in kinds.to_numpy(dtype=bool)]
    shown = rows[[facts.size, facts.metric, "standard_error"]].set_axis(names).rename_axis("level")
    words = {facts.metric: f"mean {facts.metric_words} †", "units": _unit(facts)}
    note = "† Cross-validated scores, averaged over the splits. They selected the model."
    return page.table(shown, words) + page.paragraph(note, "soft")


def _value(value):
    return f"{value:.6g}" if isinstance(value, float) else " ".join(str(value).split())


def _kept(facts):
    before, after = facts.sizes
    if not facts.prunes_model:
        mask = facts.main.step.get_support()
        return f"{mask.sum():,} of {len(mask):,} features are kept."
    unit = _unit(facts)
    if "units" not in before or pd.isna(before["units"]):
        return f"The pruned model has {page.number(after['units'])} {unit}."
    units = [page.number(each["units"]) for each in (after, before)]
    return f"{units[0]} of {units[1]} {unit} are kept."


def _unit(facts):
    """Return what the levels count, in the plural."""
    if not facts.prunes_model:
        return "features"
    return getattr(getattr(facts.main.step, "path_", None), "unit", "units")


def path_picture(facts):
    """Return the plot of score against size."""
    title = "Score against size"
    try:
        drawn = _draw_path(facts)
    except MissingExtraError as error:
        return page.section(title, page.paragraph(f"The plot is missing: {error}"))
    except PruningError as error:
        return page.section(title, page.paragraph(f"There is no plot: {error}", "soft"))
    return drawn and page.section(title, page.figure(*drawn))


def _draw_path(facts):
    """Return the picture of all levels as SVG, and its caption; empty if there is none."""
    if facts.search is not None:
        if facts.size is None:
            return ""
        draw, caption = _of_search(facts)
    elif hasattr(facts.main.step, "path_") and facts.prunes_model and facts.test is not None:
        caption = "Scores of all levels on the test data."

        def draw(ax):
            PruningPathDisplay.from_estimator(facts.fitted, *facts.test, ax=ax)
    else:
        return ""
    return draw_svg(draw, "Score against size, for every level of pruning"), caption


def _of_search(facts):
    """Return what draws the levels of a search, and the caption."""
    how = {"metric": facts.metric, "size": facts.size}
    select = "They selected the level (†): scores on new data tend to be a little lower."
    if len(set(facts.search.cv_results_.get("family", ()))) > 1:
        caption = f"Cross-validated scores of all levels of each family of models. {select}"
        return partial(_draw_front, facts.search, how), caption
    caption = f"Cross-validated scores of all levels, with one standard error. {select}"
    if facts.test is not None and _ends_in_path(facts):
        how |= dict(zip(("X_test", "y_test"), facts.test, strict=True))
        caption += " The dashed line is that of the test data."
    return partial(_draw_line, facts.search, how), caption


def _draw_front(search, how, ax):
    ParetoDisplay.from_search(search, ax=ax, **how)


def _draw_line(search, how, ax):
    PruningPathDisplay.from_search(search, ax=ax, **how)


def _ends_in_path(facts):
    """Return whether the chosen estimator ends in a pruner that holds its levels."""
    model = facts.chosen
    while isinstance(model, Pipeline):
        model = model.steps[-1][1]
    return isinstance(model, BaseModelPruner) and hasattr(model, "path_")


def comparison(facts):
    """Return the table of models on the test data."""
    if facts.table is None:
        return ""
    words = HEADS | {"agreement": "agreement with whole"}
    notes = {
        "whole": "“whole” is the model before pruning.",
        "pruned at random": "“pruned at random” has about the size of the chosen model.",
        "from scratch": "“from scratch” is a small model that was trained without pruning.",
    }
    note = " ".join(words for name, words in notes.items() if name in facts.table.index)
    table = facts.table.rename(columns=words)
    measures = table.rename(columns=lambda name: name.replace("_", " ")).T.rename_axis("measure")
    return page.section(
        "On test data",
        page.table(measures),
        page.paragraph(note, "soft"),
    )


def removed(facts):
    """Return what was removed, by name."""
    blocks = []
    for found, frame in facts.reports:
        kind = type(found.step).__name__
        blocks.append(page.heading(f"{kind} (step {found.path})" if found.path else kind))
        gone = _names_removed(frame)
        if gone is not None:
            words = f"{len(gone):,} of {len(frame):,} features are removed"
            blocks.append(page.paragraph(f"{words}{':' if gone else '.'}"))
            blocks.append(page.bullets(gone, "names", MOST_LISTED))
        if found is facts.main and facts.unread:
            blocks.append(page.paragraph("Features that the pruned model no longer reads:"))
            blocks.append(page.bullets(facts.unread, "names", MOST_LISTED))
        blocks.append(_picture_of(frame))
        shown = frame.set_index("feature") if "feature" in frame else frame
        blocks.append(page.table(shown.dropna(axis="columns", how="all")))
    return page.section("What was removed", *blocks)


def _picture_of(frame):
    """Return the plot of a report; nothing if there is none, or matplotlib is missing."""
    try:
        display = ReportDisplay(**parts_of(frame))
        size = (5.8, max(2.0, 1.2 + 0.2 * len(frame)) if len(frame) <= MOST_NAMES else 3.4)
        picture = draw_svg(display.plot, f"What was removed, by {display.kind}", size=size)
    except PruningError:
        return ""
    return page.figure(picture, "")


def _names_removed(frame):
    """Return the names of the features that are removed; None if the rows are no features."""
    if "kept" not in frame:
        return None
    if "feature" in frame:
        names = frame["feature"]
    elif frame.index.name == "feature":
        names = frame.index
    else:
        return None
    return [str(name) for name, kept in zip(names, frame["kept"], strict=True) if not kept]


def caveats(facts):
    """Return what to beware of."""
    return page.section("Caveats", page.bullets(facts.caveats), kind="caveats")


def settings(facts):
    """Return what it takes to do the same again."""
    text = facts.fitted.__repr__(N_CHAR_MAX=20_000)
    versions = {"Python": ".".join(map(str, sys.version_info[:3]))}
    # The package holds this module, and is loaded before it.
    loaded = {"skprune": "skprune", "scikit-learn": "sklearn", "numpy": "numpy", "pandas": "pandas"}
    versions |= {name: vars(sys.modules[module])["__version__"] for name, module in loaded.items()}
    words = ", ".join(f"{name} {version}" for name, version in versions.items())
    return page.section("Settings to reproduce it", page.code(text), page.paragraph(words, "soft"))
