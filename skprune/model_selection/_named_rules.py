"""What `refit` may be: rules, their names, and the checks before any work."""

from types import MappingProxyType

from skprune._compat import MultimetricScorer, scorers_by_name
from skprune.exceptions import InputError
from skprune.model_selection._budget import WithinBudget
from skprune.model_selection._non_inferior import NonInferior
from skprune.model_selection._rules import BaseRule, OneStandardError, WithinTolerance

RULES = MappingProxyType(
    {
        "one_standard_error": OneStandardError,
        "within_tolerance": WithinTolerance,
        "non_inferior": NonInferior,
    }
)


def rule_of(refit):
    """Return the rule that a `refit` names, with its defaults; anything else as it is.

    Parameters
    ----------
    refit : object
        As given to a search.

    Returns
    -------
    object
        A rule, True, False, the name of a scorer, or another callable.
    """
    if refit == "within_budget":
        msg = (
            "refit='within_budget' names a rule that needs a budget. Give an instance, such as "
            "WithinBudget(bytes=100_000)."
        )
        raise InputError(msg)
    return RULES[refit]() if isinstance(refit, str) and refit in RULES else refit


def check_rule(rule, scoring, scorer, sizes):
    """Refuse a rule that could not choose, before any work.

    Parameters
    ----------
    rule : object
        As of `rule_of`.
    scoring : object
        As given to the search.
    scorer : callable
        The scorer, or those of all metrics together.
    sizes : list of str
        Names of the sizes that can be measured.

    Raises
    ------
    InputError
        If it could not choose.
    """
    if isinstance(rule, type):
        msg = f"refit is the class {rule.__name__}; give an instance of it."
        raise InputError(msg)
    several = isinstance(scorer, MultimetricScorer) or callable(scoring)
    if isinstance(rule, str) and not several and rule not in {"score", scoring}:
        msg = (
            f"refit={rule!r} is neither a rule nor a metric of scoring={scoring!r}. Give an "
            f"instance of a rule, such as OneStandardError(), the name of one ("
            f"{', '.join(map(repr, RULES))}), or True for the best score."
        )
        raise InputError(msg)
    if isinstance(rule, BaseRule):
        named = isinstance(scorer, MultimetricScorer)
        metrics = list(scorers_by_name(scorer)) if named else ["score"]
        rule.check(None if callable(scoring) else metrics, sizes)


def check_units(rule, plan):
    """Refuse a rule that would compare a number of leaves with one of members.

    Parameters
    ----------
    rule : object
        As of `rule_of`.
    plan : list of Combination
        What is searched.

    Raises
    ------
    InputError
        If it compares units of several kinds.
    """
    counted = sorted({each.pruner._unit_name for each in plan})
    if len(counted) > 1 and isinstance(rule, BaseRule) and "units" in rule.sizes_asked():
        size = "bytes=..." if isinstance(rule, WithinBudget) else 'size="bytes"'
        msg = (
            f"The grid holds pruners that count {' and '.join(counted)}, which cannot be "
            f"compared. Give the rule another size: refit={type(rule).__name__}({size})."
        )
        raise InputError(msg)
