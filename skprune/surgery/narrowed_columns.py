"""`ColumnTransformer`s without the parts, and the columns, that nothing reads."""

import numpy as np
from sklearn.compose import ColumnTransformer

from skprune.surgery.narrowed import Narrowed
from skprune.surgery.narrowed_pipelines import returns_sparse
from skprune.surgery.selections import (
    columns_of,
    copy_output,
    is_passthrough,
    one_sample,
    plain_selection,
)


def narrow_columns(step, read, narrowing):
    """Narrow a fitted `ColumnTransformer`, part by part.

    Parameters
    ----------
    step : ColumnTransformer
        Fitted; it is not changed.
    read : ndarray of int
        Those of its output features that are read.
    narrowing : Narrowing
        Narrows the parts.

    Returns
    -------
    Narrowed
        It takes the columns that the remaining parts take.
    """
    if step.sparse_output_:
        sparse = _outputs_of_sparse_parts(step)
        if not len(sparse):
            return narrowing.whole(step, read, "it is not known which parts return sparse samples")
        if not np.isin(sparse, read).any():  # dense parts alone cannot be stacked as sparse ones
            read = np.union1d(read, sparse[:1])
    columns, parts, outputs = columns_of(step), {}, []
    for name, part, given in step.transformers_:
        span = step.output_indices_.get(name, slice(0, 0))
        own = read[(read >= span.start) & (read < span.stop)] - span.start
        if not len(own):
            continue
        narrowing.widths[id(part)] = span.stop - span.start
        found = _narrow_part(part, given, own, columns[name], narrowing)
        parts[name] = found
        outputs.append(found.outputs + span.start)
    inputs = np.unique(np.concatenate([part.inputs for part in parts.values()]))
    return Narrowed(_rebuild(step, parts, inputs), inputs, np.concatenate(outputs))


def _outputs_of_sparse_parts(step):
    """Return the output features of the parts that are known to return sparse samples."""
    found = [
        np.arange(span.start, span.stop)
        for name, part, _ in step.transformers_
        for span in [step.output_indices_.get(name, slice(0, 0))]
        if span.stop > span.start and returns_sparse(part, None)
    ]
    return np.concatenate(found) if found else np.empty(0, dtype=int)


def _narrow_part(part, given, read, columns, narrowing):
    """Narrow one part; its inputs are columns of the table."""
    if is_passthrough(part):
        return Narrowed("passthrough", columns[read], read)
    found = narrowing.of(part, read, None)
    if found.model is None:  # a selection
        names = getattr(part, "feature_names_in_", None)
        names = None if names is None else names[found.inputs]
        n_kept = len(found.inputs)
        plain = plain_selection(
            np.arange(n_kept),
            n_kept,
            names=names,
            sparse=bool(getattr(part, "sparse_output_", False)),
            like=part,
        )
        found = found._replace(model=plain)
    one = np.isscalar(given)
    return found._replace(inputs=columns if one or found.inputs is None else columns[found.inputs])


def _rebuild(step, parts, inputs):
    """Return a `ColumnTransformer` of narrower parts, which takes some columns.

    It is fitted to one artificial sample with parts that pass all columns, so that scikit-learn
    itself sets what it keeps; then the parts are replaced.
    """
    names = getattr(step, "feature_names_in_", None)
    names = None if names is None else names[inputs]
    specs = {}
    for name, _, given in step.transformers_:
        if name in parts:
            specs[name] = _spec(given, np.searchsorted(inputs, parts[name].inputs), names)
    rest = "remainder" in parts and "remainder" not in {name for name, *_ in step.transformers}
    listed = {name: spec for name, spec in specs.items() if not (rest and name == "remainder")}
    params = step.get_params(deep=False) | {"remainder": "passthrough" if rest else "drop"}
    params["transformers"] = [(name, "passthrough", _many(spec)) for name, spec in listed.items()]
    twin = ColumnTransformer(**params | {"transformer_weights": None, "n_jobs": None})
    twin.verbose_feature_names_out = True  # names may stand twice before the parts are there
    twin.fit(one_sample(len(inputs), names))
    fitted = {name: part for name, part, _ in twin.transformers_ if part != "drop"}
    models = {
        name: fitted[name] if part.model == "passthrough" else part.model
        for name, part in parts.items()
    }
    specs |= {name: columns for name, _, columns in twin.transformers_ if name not in listed}
    twin.transformers_ = [
        (name, models.get(name, part), specs[name]) for name, part, _ in twin.transformers_
    ]
    twin.transformers = [(name, parts[name].model, specs[name]) for name in listed]
    if rest:
        twin.remainder = parts["remainder"].model
    twin.set_params(
        transformer_weights=step.transformer_weights,
        n_jobs=step.n_jobs,
        verbose_feature_names_out=step.verbose_feature_names_out,
    )
    ends = np.cumsum([0, *(len(parts[name].outputs) for name in specs if name in parts)])
    spans = zip([name for name in specs if name in parts], ends[:-1], ends[1:], strict=True)
    twin.output_indices_ = dict.fromkeys(twin.output_indices_, slice(0, 0))
    twin.output_indices_ |= {name: slice(int(first), int(end)) for name, first, end in spans}
    twin.sparse_output_ = step.sparse_output_
    return copy_output(step, twin)


def _spec(given, columns, names):
    """Return how a part names its columns: by name or index, one or several, as before."""
    labels = given.start or given.stop if isinstance(given, slice) else np.ravel(given)[:1]
    by_name = names is not None and isinstance(np.ravel(labels)[0], str)
    chosen = [str(names[i]) if by_name else int(i) for i in columns]
    return chosen[0] if np.isscalar(given) else chosen


def _many(spec):
    return [spec] if np.isscalar(spec) else spec
