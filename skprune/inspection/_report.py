"""A page that reports what was pruned, why, and what it cost."""

from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from skprune.arrays.annotations import MatrixLike
from skprune.exceptions import InputError
from skprune.inspection import _report_sections as sections
from skprune.inspection._page import document
from skprune.inspection._report_facts import Facts

FRAME = (
    '<iframe srcdoc="{}" sandbox style="width: 100%; height: 45rem; border: 0" '
    'title="Pruning report"></iframe>'
)


class PruningReport:
    """A page of HTML.

    Parameters
    ----------
    title : str
        Title of the page.
    html : str
        The whole page.
    """

    def __init__(self, title: str, html: str) -> None:
        self.title = title
        self.html = html

    def __str__(self) -> str:
        return self.html

    def __repr__(self) -> str:
        size = len(self.html.encode()) / 1000
        return f"<{type(self).__name__}: {self.title!r}, {size:.0f} kB; save(path) writes it>"

    def _repr_html_(self) -> str:
        # A frame keeps the styles of the page away from those of the notebook.
        return FRAME.format(escape(self.html))

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page to a file.

        Parameters
        ----------
        path : str or path-like
            File name, such as "report.html".

        Returns
        -------
        Path
            The file.
        """
        path = Path(path)
        path.write_text(self.html, encoding="utf-8")
        return path


def report(
    fitted: Any,
    X_test: MatrixLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    train: tuple[Any, Any] | None = None,
    scoring: Any = None,
    n_repeats: int | str = "auto",
    title: str | None = None,
) -> PruningReport:
    """Make a page that reports what was pruned, why, and what it cost.

    The page is one file of HTML, for people who do not have the model at hand. It loads nothing
    from elsewhere, runs no script, follows the light or dark setting of the reader, and prints
    well. It shows what was asked, what was chosen and by which rule, the path of all levels, the
    chosen model beside the whole one and other baselines, what was removed by name, what to
    beware of, and the settings to reproduce it.

    Parameters
    ----------
    fitted : estimator
        A fitted `PruningSearchCV` or `GridSearchCV` over a pruner, a fitted pruner, or a pipeline
        that holds one.
    X_test : array-like of shape (n_samples, n_features), default=None
        Test samples; use data seen neither in fitting nor in selection. Without them no model is
        compared.
    y_test : array-like of shape (n_samples,), default=None
        True targets of the test samples.
    train : tuple of (X, y), default=None
        The training samples. With them, baselines are fitted and compared: the whole model where
        the pruner does not hold it, a model of about the same size that is pruned at random,
        and, for trees, ensembles of trees and networks, a small one that is trained from scratch.
    scoring : str, callable, sequence of str or mapping of them, default=None
        Scores in the table; see `compare`. None is the usual set.
    n_repeats : int or "auto", default="auto"
        Rounds in which latency is measured; see `compare`. 0 leaves latency out.
    title : str, default=None
        Title of the page; one that names the model if None.

    Returns
    -------
    page : PruningReport
        ``str(page)`` is the HTML, ``page.save(path)`` writes it to a file, and a notebook shows
        it.

    Raises
    ------
    InputError
        If nothing that was fitted can be reported, or only one of `X_test` and `y_test` is given.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    See Also
    --------
    compare : The table of models alone.
    report_of : What was removed alone, as a frame.
    PruningPathDisplay : The plot alone.

    Notes
    -----
    Scores by which a level was selected are marked, as they are optimistic. The plot needs
    matplotlib; without it the page states that it is missing.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skprune import TreePruner, report
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> pruner = TreePruner(DecisionTreeClassifier(random_state=0), keep=4).fit(X, y)
    >>> page = report(pruner, X_test, y_test, train=(X, y), n_repeats=0)
    >>> page.title
    'DecisionTreeClassifier, pruned by TreePruner'
    >>> "area error" in str(page)
    True
    """
    if (X_test is None) != (y_test is None):
        msg = "X_test and y_test were not given together. Give both, or none of them."
        raise InputError(msg)
    if train is not None and not (isinstance(train, tuple | list) and len(train) == 2):
        msg = f"train={type(train).__name__} was given. Allowed is a pair (X, y)."
        raise InputError(msg)
    test = None if X_test is None else (X_test, y_test)
    facts = Facts(fitted, test, train, scoring, n_repeats)
    title = facts.title if title is None else title
    blocks = [
        sections.subtitle(facts),
        sections.key_figures(facts),
        sections.question(facts),
        sections.choice(facts),
        sections.path_picture(facts),
        sections.comparison(facts),
        sections.removed(facts),
        sections.caveats(facts),
        sections.settings(facts),
    ]
    return PruningReport(title, document(title, blocks))
