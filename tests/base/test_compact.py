import pickle

import numpy as np
import pandas as pd
import pytest

from skprune.base._compact import ColumnTable, PackedMask, RoundedArray, compact, restore


def through(name, value):
    return restore(pickle.loads(pickle.dumps(compact({name: value}))))[name]


@pytest.mark.parametrize("shape", [(0,), (1,), (13,), (8, 3), (5, 0)])
def test_masks_are_restored_exactly(shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    assert isinstance(compact({"keep_mask_": mask})["keep_mask_"], PackedMask)
    found = through("keep_mask_", mask)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, mask)
    found[...] = True  # it can be written to, as the one of `fit`


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300, 5e-324])
def test_scores_are_rounded_whatever_their_scale(scale):
    values = np.random.default_rng(0).normal(size=(20, 3)) * scale
    values[0] = np.nan, np.inf, -np.inf
    values[1] = 0.0
    assert isinstance(compact({"_scores": values})["_scores"], RoundedArray)
    found = through("_scores", values)
    np.testing.assert_allclose(found, values, rtol=1e-7, atol=1e-7 * scale)
    np.testing.assert_array_equal(through("_scores", found), found)  # once only
    order = np.argsort(values[2:], axis=None)
    assert (np.diff(found[2:].ravel()[order]) >= 0).all()


def test_scores_may_be_empty_or_missing():
    assert through("_scores", np.empty(0)).shape == (0,)
    assert through("_scores", None) is None


@pytest.mark.parametrize(
    "columns",
    [
        {"layer": ["a", "b"], "kept": [3, 4], "share": [0.1, np.nan], "done": [True, False]},
        {"partner": [None, "x0"], "reason": ["", "why"]},
        {},
        {"n": np.array([1, 2], dtype=np.int8), "half": np.array([1, 2], dtype=np.float32)},
    ],
)
def test_reports_are_restored_exactly(columns):
    frame = pd.DataFrame(columns)
    pd.testing.assert_frame_equal(through("report_", frame), frame, check_exact=True)
    named = frame.rename_axis("row")
    pd.testing.assert_frame_equal(through("report_", named), named, check_exact=True)
    if columns:
        labelled = frame.set_axis(["first", "second"])
        pd.testing.assert_frame_equal(through("report_", labelled), labelled, check_exact=True)
        assert isinstance(compact({"report_": labelled})["report_"], ColumnTable)
        assert isinstance(compact({"report_": frame})["report_"], ColumnTable)
        assert len(pickle.dumps(compact({"report_": frame}))) < len(pickle.dumps(frame)) / 2


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1.0, 2.0]}, index=pd.to_datetime(["2024-01-01", "2024-01-03"])),
        pd.DataFrame({"a": pd.Categorical(["u", "v"], categories=["v", "u"])}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [[1], [2]]}, index=pd.RangeIndex(1, 3, name="row")),
    ],
)
def test_other_frames_are_kept_as_they_are(frame):
    assert compact({"report_": frame})["report_"] is frame


def test_all_else_is_kept_as_it_is():
    state = {"mask": np.ones(3, dtype=bool), "score": np.ones(3), "_scores": np.arange(3)}
    assert all(found is state[name] for name, found in compact(state).items())
