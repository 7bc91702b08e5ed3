"""Scores rounded to the digits that are reliable, so that equal features have equal scores.

Sums over other blocks or in another order differ in their last bits. Without rounding, these
decide ties.
"""

import numpy as np

# Decimals of scores between -1 and 1, or of a similar size.
DECIMALS = 13
# Bits of the mantissa of numbers of any size.
BITS = 40


def round_scores(scores, out=None):
    """Round scores of a size around 1 to `DECIMALS`."""
    return np.round(scores, DECIMALS, out=out)


def round_mantissa(values):
    """Round numbers of any size to `BITS` of their mantissa."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, BITS)), exponent - BITS)
