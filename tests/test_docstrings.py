"""Docstrings of the public surface, held to numpydoc and to the signatures."""

import inspect

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import validate

import skprune

# Checks of numpydoc that are off, and why. All others are on.
OFF = {
    "GL01": "the summary starts right behind the quotes, as in scikit-learn",
    "ES01": "a summary that says it all needs no more words",
    "RT02": "a returned value is named like a parameter, as in scikit-learn",
    "SA04": "a name in See Also may speak for itself",
}
OFF_IN_METHODS = {
    "EX01": "the example of the class shows its methods",
    "SA01": "the See Also of the class covers its methods",
}
EXPORTED = [name for name in skprune.__all__ if not name.startswith("_")]


def is_ours(value):
    """Whether a function or property was written here, not inherited from scikit-learn."""
    value = inspect.unwrap(getattr(value, "fget", value))
    return (getattr(value, "__module__", None) or "").startswith("skprune.")


def methods(cls):
    """The public methods and properties of a class that were written here."""
    names = [name for name in dir(cls) if not name.startswith("_")]
    # `set_fit_request` and its kin are made, with their docstrings, by scikit-learn.
    return [name for name in names if is_ours(getattr(cls, name)) and not name.endswith("_request")]


METHODS = [
    f"{name}.{method}"
    for name in EXPORTED
    if inspect.isclass(getattr(skprune, name))
    for method in methods(getattr(skprune, name))
]


def complaints(path):
    """What numpydoc says against a public object, given as `Name` or `Name.method`."""
    off = {**OFF, **OFF_IN_METHODS} if "." in path else OFF
    found = validate(f"skprune.{path}")["errors"]
    return [f"{path}: {code} {text}" for code, text in found if code not in off]


def documented_parameters(value):
    entries = get_doc_object(value)["Parameters"]
    names = [name for entry in entries for name in entry.name.split(",")]
    return [name.strip().lstrip("*") for name in names]


def signature_parameters(value):
    return [name for name in inspect.signature(value).parameters if name != "self"]


@pytest.mark.parametrize("path", EXPORTED + METHODS)
def test_docstring_follows_numpydoc(path):
    found = complaints(path)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", EXPORTED + METHODS)
def test_documented_parameters_are_those_of_the_signature(path):
    value = skprune
    for part in path.split("."):
        value = getattr(value, part)
    if not isinstance(value, property):
        assert documented_parameters(value) == signature_parameters(value)


@pytest.mark.parametrize("name", EXPORTED)
def test_docstring_has_an_example_that_imports_from_skprune(name):
    examples = "\n".join(get_doc_object(getattr(skprune, name))["Examples"])
    assert ">>>" in examples
    assert "skprune" in examples


@pytest.mark.parametrize("name", EXPORTED)
def test_parameters_of_an_estimator_say_their_default(name):
    value = getattr(skprune, name)
    if not hasattr(value, "get_params"):
        pytest.skip("not an estimator")
    entries = {entry.name: entry.type for entry in get_doc_object(value)["Parameters"]}
    for parameter in inspect.signature(value).parameters.values():
        if parameter.default is not inspect.Parameter.empty:
            assert "default=" in entries[parameter.name], parameter.name


class Offender:
    """Says too little

    Parameters
    ----------
    beta : int
        One.
    alpha : int
        Two.
    """

    def __init__(self, alpha, gamma):
        pass

    def undocumented(self):
        pass


def test_offender_is_named(monkeypatch):
    monkeypatch.setattr(skprune, "Offender", Offender, raising=False)
    text = "\n".join(complaints("Offender"))
    for code in ("SS03", "PR01", "PR02", "SA01", "EX01"):
        assert code in text
    assert "GL08" in "\n".join(complaints("Offender.undocumented"))
    assert documented_parameters(Offender) != signature_parameters(Offender)
