"""The audit trail: a record of standard logging for each prune, dump and load; never data."""

import getpass
import hashlib
import logging
import pickle

LOGGER = logging.getLogger("skprune.audit")
LOGGER.addHandler(logging.NullHandler())


def is_audited():
    """Return whether anything listens to the audit trail.

    Without a handler, and a level that lets records of level INFO pass, nothing is computed.
    """
    return LOGGER.isEnabledFor(logging.INFO) and any(
        not isinstance(handler, logging.NullHandler) for handler in _handlers()
    )


def _handlers():
    """Return the handlers that a record reaches."""
    found: list[logging.Handler] = []
    logger: logging.Logger | None = LOGGER
    while logger is not None:
        found += logger.handlers
        logger = logger.parent if logger.propagate else None
    return found


def record(event, estimator, *, digest, sizes, signed=None):
    """Write a record, if anything listens.

    Parameters
    ----------
    event : {"prune", "dump", "load"}
        What was done.
    estimator : object
        The fitted object; its class is named.
    digest : str
        SHA-256 of what the event is about, hexadecimal.
    sizes : dict of str to int
        Sizes, by what they count.
    signed : bool, default=None
        Whether a signature was made or verified; None where there is none to make.
    """
    kind = type(estimator)
    fields = {
        "event": event,
        "estimator": f"{kind.__module__}.{kind.__qualname__}",
        "inner": type(getattr(estimator, "estimator", None)).__qualname__,
        "criterion": getattr(estimator, "criterion", None),
        "digest": digest,
        "sizes": sizes,
        "signed": signed,
        "user": _user(),
    }
    if fields["inner"] == "NoneType":
        fields["inner"] = None
    LOGGER.info("%s %s", event, kind.__qualname__, extra=fields)


def record_prune(pruner):
    """Record the fit of a pruner, if anything listens; O(size of the result) then."""
    if not is_audited():
        return
    try:
        content = pickle.dumps(pruner, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError):  # it holds a lambda, for example
        content = b""
    sizes = {"bytes": len(content)}
    path = pruner.__dict__.get("_path")
    units = getattr(path, "units", None)
    if units is not None and len(units):
        sizes["units_whole"] = int(units[0])
    mask = pruner.__dict__.get("keep_mask_")
    if mask is not None and getattr(mask, "dtype", None) == "bool":
        sizes["units_kept"] = int(mask.sum())
        sizes["units_whole"] = int(mask.size)
    digest = hashlib.sha256(content).hexdigest() if content else None
    record("prune", pruner, digest=digest, sizes=sizes)


def _user():
    """Return the name of the user; "unknown" where the system has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
