"""Settings of the documentation; `python -m sphinx -W docs docs/_build/html` builds it."""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]  # document the source beside this folder

import api_reference  # noqa: E402 - found through the line above

import skprune  # noqa: E402 - found through the line above

project = "skprune"
author = "the skprune developers"
copyright = "2026, the skprune developers"
version = release = skprune.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.plot_directive",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
intersphinx_mapping = {}  # the build fetches nothing

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say the types, in words
numpydoc_show_class_members = False  # the template of a class lists them
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"\.py$",  # run every example
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
}

# The pictures of the guide are drawn when it is built.
plot_include_source = True
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 150)]

html_theme = "pydata_sphinx_theme"
html_title = f"skprune {version}"
html_show_sourcelink = False
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "show_toc_level": 2,
    "footer_end": [],
}
html_sidebars = {"getting_started": []}

# Inherited methods that a reader looks for on the page of a class. Others are left to the pages
# of scikit-learn.
INHERITED = {
    "decision_function",
    "fit",
    "fit_transform",
    "get_feature_names_out",
    "get_support",
    "inverse_transform",
    "predict",
    "predict_log_proba",
    "predict_proba",
    "score",
    "transform",
}


def write_api_page(*_):
    """Make the API page from the data in `api_reference`."""
    lines = ["API", "===", "", "All names import from ``skprune``.", ""]
    lines += [".. currentmodule:: skprune", ""]
    for section in api_reference.SECTIONS:
        lines += [section["title"], "-" * len(section["title"]), "", section["text"], ""]
        lines += [".. autosummary::", "   :toctree: api", "   :nosignatures:", ""]
        lines += [f"   {name}" for name in section["names"]]
        lines += [""]
    lines += ["Errors and warnings", "-------------------", ""]
    lines += [".. automodule:: skprune.exceptions", "   :members:", "   :show-inheritance:", ""]
    page = DOCS / "generated" / "api.rst"
    page.parent.mkdir(exist_ok=True)
    text = "\n".join(lines)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def skip_member(_app, _what, name, member, skip, _options):
    """Leave out what scikit-learn provides to all its estimators."""
    if name.startswith("set_") and name.endswith("_request"):
        return True
    module = getattr(getattr(member, "fget", member), "__module__", None) or ""
    return True if module.startswith("sklearn.") and name not in INHERITED else skip


def plain_roles(_app, _what, _name, _member, _options, lines):
    """Make plain text of references to scikit-learn's own pages, inherited with docstrings."""
    text = re.sub(r":term:`([^`]*)`", r"``\1``", "\n".join(lines))
    # Of inherited properties too: they have no entry here, and one of another class would be found.
    text = re.sub(r":obj:`([^`<]*?)\s*<[^`]*>`", r"**\1**", text)
    lines[:] = re.sub(r":ref:`([^`<]*?)\s*(?:<[^`]*>)?`", r"\1", text).split("\n")


def setup(app):
    """Connect the functions above."""
    app.connect("config-inited", write_api_page)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("autodoc-process-docstring", plain_roles, priority=900)  # after numpydoc
