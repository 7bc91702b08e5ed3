"""The rows of the results of a search, in the order of its grid."""

from typing import Any, NamedTuple

from skprune.model_selection._candidates import PATH


class WholeFit(NamedTuple):
    """A fit to all samples, its seconds (or None and its error), its path and levels to score."""

    fitted: Any
    seconds: Any
    path: Any
    levels: Any


class Row(NamedTuple):
    """A row of the results: its place in the grid, its combination, and its level."""

    place: int
    combination: int
    params: dict[str, Any]
    level: dict[str, Any]


def list_rows(plan, whole):
    """List the rows of the results, in the order of the grid."""
    rows = []
    for number, combination in enumerate(plan):
        for place, named in combination.entries:
            if PATH not in named.values():
                found = [(combination.level(named), named)]
            elif whole[number].fitted is None:  # it fails on the folds too, and is reported there
                found = [combination.whole()]
            else:
                path = whole[number].path
                found = [combination.level_of_row(path, i) for i in whole[number].levels]
            rows += [
                Row(place, number, combination.params | given, level) for level, given in found
            ]
    return sorted(rows, key=lambda row: row.place)
