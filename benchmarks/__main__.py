"""Run benchmarks by name: `python -m benchmarks NAME [NAME ...] [--repeat N]`.

Each benchmark is a module with a function ``run(repeat)`` that returns a table with the
columns `what`, `ours`, `peer`, `ratio` and `note`. It checks that both sides give the same
answer before it measures anything.
"""

import argparse
import os
import pkgutil
import platform
from importlib import import_module

import pandas as pd
import sklearn

import benchmarks
import skprune
from benchmarks._measure import load_kernels


def names():
    """Return the names of all benchmarks."""
    found = pkgutil.iter_modules(benchmarks.__path__)
    return sorted(m.name for m in found if not m.name.startswith("_"))


def main():
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *names()], help="which to run")
    parser.add_argument("--repeat", type=int, default=5, help="rounds per measurement")
    options = parser.parse_args()
    if not options.names:
        for name in names():
            title = import_module(f"benchmarks.{name}").__doc__.splitlines()[0]
            print(f"{name:14} {title}")
        return
    print(
        f"skprune {skprune.__version__}, scikit-learn {sklearn.__version__}, "
        f"Python {platform.python_version()}, {os.cpu_count()} cores"
    )
    load_kernels()
    for name in options.names:
        module = import_module(f"benchmarks.{name}")
        print(f"\n{module.__doc__.splitlines()[0]}")
        with pd.option_context("display.width", 160, "display.max_colwidth", 70):
            print(module.run(options.repeat).to_string(index=False))


if __name__ == "__main__":
    main()
