"""Settings of all tests: the workers share the cores, so each computes on one."""

import os

# Read once, when the libraries are loaded: two workers of two threads wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
