"""Optional dependencies: imported when they are needed, with an error that names the extra."""

from importlib import import_module

from skprune.exceptions import MissingExtraError


def import_extra(module, extra, purpose):
    """Import a module of an optional dependency.

    Parameters
    ----------
    module : str
        Dotted name.
    extra : str
        The extra of skprune that brings it.
    purpose : str
        What it is needed for; begins the message.

    Returns
    -------
    module
        The module.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        msg = (
            f"{purpose} needs {package}, which is not installed. Install the extra that "
            f"brings it: pip install 'skprune[{extra}]'."
        )
        raise MissingExtraError(msg) from error
