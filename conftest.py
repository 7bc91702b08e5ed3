"""Settings of all tests: workers share the cores, and count lines where that tells something."""

import os
from importlib.util import find_spec

import pytest
from coverage import Coverage

# Pages and docstrings whose examples need an optional package.
collect_ignore = []
if find_spec("skl2onnx") is None or find_spec("onnxruntime") is None:
    collect_ignore += ["docs/user_guide/onnx.rst", "skprune/deployment/_onnx.py"]
if find_spec("treelite") is None or find_spec("m2cgen") is None:
    collect_ignore += ["docs/user_guide/exporters.rst"]
if find_spec("dask") is None or find_spec("distributed") is None:
    collect_ignore += ["docs/user_guide/scaling.rst"]

# Read once, when the libraries are loaded: two workers of two threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Count no lines in the docs and in tests marked `untraced`: counting doubles their time."""
    # The mark `no_cover` of pytest-cov leaves the frame of the test out, and breaks `--no-cov`.
    untraced = item.path.suffix == ".rst" or item.get_closest_marker("untraced")
    counter = Coverage.current() if untraced else None
    if counter is None:
        return (yield)
    counter.stop()
    try:
        return (yield)
    finally:
        counter.start()
