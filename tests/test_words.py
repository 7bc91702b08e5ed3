"""The words of what users read: standard terms in place of private ones.

`WORDS` is the table: a regular expression and what to write instead. Names and values in
backquotes, code and its output are not prose and are left out, so that pages may quote what
the package prints. Words in an ordinary sense ("goes through", "as good as") do not match.
"""

import ast
import inspect
import re
from pathlib import Path

import pytest

import skprune

ROOT = Path(__file__).parents[1]
PAGES = [
    *[ROOT / "README.md", ROOT / "CONTRIBUTING.md"],
    *sorted((ROOT / "docs").glob("*.rst")),
    *sorted((ROOT / "docs" / "user_guide").glob("*.rst")),
    ROOT / "docs" / "api_reference.py",
    *sorted((ROOT / "changelog.d").glob("*.md")),
    *sorted((ROOT / "examples").glob("*.rst")),
    *sorted((ROOT / "examples").glob("*.py")),
]
SAMPLES = "samples"
FEATURES = "features"
GO = "(go|goes|went)(?! (to|into|through|with|beyond|from|on|by|back|together))"  # as a removal
WORDS = {
    # data
    r"rows? (that|which) (choose|chooses|chose)": "validation data, held-out test data",
    r"(choose|chooses|chose) nothing": "held-out test data, not used for selection",
    r"(training|test|validation|held-out|out-of-bag|new) rows?": SAMPLES,
    r"rows? (held out|of the fit|of weight|of (a|each|one) class|as they are)": SAMPLES,
    r"(over|all|other|more|fewer|few|many|near|nearest) rows": SAMPLES,
    r"n_rows": "n_samples",
    r"n_columns": "n_features",
    r"pruners? of columns": "pruners of features",
    rf"columns? (that )?(say|says|stay|stays|{GO})": FEATURES,
    r"columns? (seen|to prune|that (is|are) kept|of (numbers|text|noise))": FEATURES,
    r"(informative|redundant|correlated|constant) columns?": FEATURES,
    # models
    r"say|says|said": "predicts, reports, states",
    r"tell|tells|told": "predicts, shows, distinguishes",
    r"answers?|answered": "predictions, output",
    r"sure of (its|nearly|every|all|itself|them)|surer|too sure": (
        "(nearly) separable, overconfident"
    ),
    r"(speak|speaks|stand|stands) (in )?for|stands? in": "replaces, represents",
    r"bends?|bending": "curvature, second derivative",
    r"(its|whose) sums|sums of (a|its|the) units?": "pre-activations",
    r"firmer": "stronger (penalty)",
    # units
    r"gone": "removed",
    r"(goes|go|went) (first|last|later|earlier|alone|too)": "is removed",
    rf"(that|which|columns|rows|units|vectors|weights|coefficients) {GO}": "is removed",
    r"(stay|stays|stayed)": "is kept, remains",
    r"(is|are|was|be) worth (more|less|most|in|the most|to)|what .{1,30} (is|are|was) worth": (
        "importance, score"
    ),
    r"(its|the|their|by|of) worth": "importance, score",
    r"idle": "unused, ignored",
    # methods
    r"anew": "again, refitted, recomputed",
    r"(judge|judges|judged|judging)": "evaluate",
    r"prices? (per|of) (a |each )?(leaf|leaves)": "cost per leaf",
    r"errors? (is |are )?handed on|hands? (the )?errors?( on)?|handed on|hand errors on": (
        "error feedback, error propagation"
    ),
    r"husks?": "skeleton",
    r"tired": "should stop",
}
# A phrase may run over the end of a line, but not of a paragraph.
COMPILED = {
    re.compile(
        rf"(?<![\w-])(?:{regex})(?![\w-])".replace(" ", r"(?: +|\n *(?=\S))"), re.IGNORECASE
    ): advice
    for regex, advice in WORDS.items()
}
NOT_PROSE = re.compile(
    r"^[ \t]*>>>.*\n(?:(?![ \t]*$).*\n)*"  # a doctest, with its output
    r"|^\.\. code-block::.*\n(?:[ \t]+.*\n|\n)*"
    r"|^```\w*\n[\s\S]*?^```"  # a block of Markdown
    r"|^\.\. _[^:]*:"  # an anchor, which links hold on to
    r"|``[^`]*``|`[^`]*`",
    re.MULTILINE,
)


def offences(text):
    """Lines with a private word, and what to write instead."""
    text = NOT_PROSE.sub(lambda match: re.sub(r"[^\n]+", "~", match[0]), text + "\n")
    found = []
    for regex, advice in COMPILED.items():
        for match in regex.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((line, f"line {line}: {match[0]!r}; write: {advice}"))
    return [complaint for _, complaint in sorted(found)]


def docstrings(name):
    """Docstrings of an exported name and of its public methods, by their names."""
    value = getattr(skprune, name)
    found = {name: value}
    if inspect.isclass(value):
        found |= {f"{name}.{each}": getattr(value, each) for each in dir(value) if each[0] != "_"}
    return {
        path: inspect.getdoc(each)
        for path, each in found.items()
        if _is_ours(each) and inspect.getdoc(each)
    }


def _is_ours(value):
    value = inspect.unwrap(getattr(value, "fget", value))
    ours = (getattr(value, "__module__", None) or "").startswith("skprune")
    return ours and not getattr(value, "__name__", "").endswith("_request")


def messages(source):
    """Texts of errors and warnings: what is raised, warned of, or called `msg`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Raise)
            or (isinstance(node, ast.Assign) and _names(node.targets) == ["msg"])
            or (isinstance(node, ast.AugAssign) and _names([node.target]) == ["msg"])
            or (isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn")
        ):
            found += _texts(node)
    return found


def _names(nodes):
    return [node.id for node in nodes if isinstance(node, ast.Name)]


def _texts(node):
    """Strings below a node; of an f-string the constant parts, as one."""
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "~" for each in node.values]
        return ["".join(parts)]
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    return [text for child in ast.iter_child_nodes(node) for text in _texts(child)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_uses_the_words_of_the_field(page):
    found = offences(page.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", skprune.__all__)
def test_docstrings_use_the_words_of_the_field(name):
    found = [
        f"{path}, {complaint}"
        for path, text in docstrings(name).items()
        for complaint in offences(text)
    ]
    assert not found, "\n".join(found)


def test_messages_use_the_words_of_the_field():
    found = [
        f"{path.relative_to(ROOT)}: {text!r}: {complaint}"
        for path in sorted((ROOT / "skprune").rglob("*.py"))
        for text in messages(path.read_text(encoding="utf-8"))
        for complaint in offences(text)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "Scores are of rows that chose nothing.",
        "The rows that\nchoose are held out.",
        "Accuracy on the training rows.",
        "scores_ : ndarray of shape (n_rows,)",
        "Pruners of columns are transformers.",
        "What the model says of it.",
        "It answers with a class.",
        "A model that is sure of its samples.",
        "Another tree speaks for it.",
        "The curve stands in for the loss.",
        "Where the loss bends.",
        "A firmer penalty.",
        "With 95 % gone, it is as accurate.",
        "Small weights go first.",
        "Half of the leaves stay.",
        "The refit is worth more than the criterion.",
        "What a unit is worth.",
        "An idle parameter.",
        "What stays is fitted anew.",
        "Members are judged out of bag.",
        "The price per leaf.",
        "The error of each is handed on.",
        "A husk without nodes.",
        "Whether the watch is tired.",
    ],
)
def test_private_word_is_caught(text):
    assert offences(text)


@pytest.mark.parametrize(
    "text",
    [
        "Its report has one row per tree, and its columns are listed.",
        "The pass goes through all nodes; weights that go to the last step are its own.",
        "It is not worthwhile; the total is the sum of both.",
        "A measurement, such as a price in cents.",
        "The error names what is allowed. Use `rows_that_chose` or ``stays``.",
        ">>> gone = report\n>>> print(gone)\nit says nothing\n\nAfter it.",
        "```python\nstays = 1  # it stays\n```\n",
        ".. _which-rows-choose:\n\nValidation data",
    ],
)
def test_ordinary_english_code_and_its_output_pass(text):
    assert offences(text) == []


def test_offence_names_its_line_and_the_better_word():
    assert offences("One line.\n\nIt is fitted\nanew.") == [
        "line 4: 'anew'; write: again, refitted, recomputed"
    ]


def test_texts_of_errors_and_warnings_are_read():
    source = (
        "def f(x):\n"
        "    '''It says what stays.'''\n"
        "    msg = f'It says {x!r}.'\n"
        "    msg += ' Nothing stays.'\n"
        "    if x:\n"
        "        raise InputError(msg) from None\n"
        "    warnings.warn('It is idle.', PruningWarning, stacklevel=2)\n"
        "    raise ValueError('Give ' 'it anew.')\n"
        "    other = 'gone'\n"
    )
    found = messages(source)
    assert sorted(found) == [" Nothing stays.", "Give it anew.", "It is idle.", "It says ~."]
    assert all(offences(text) for text in found)


def test_docstrings_of_methods_and_properties_are_read():
    found = docstrings("TreePruner")
    assert {"TreePruner", "TreePruner.fit", "TreePruner.path_"} <= set(found)
    assert "TreePruner.set_fit_request" not in found
