"""What pruning gained and what it cost: tables and pictures."""

from skprune.inspection._compare import compare
from skprune.inspection._display import PruningPathDisplay

__all__ = ["PruningPathDisplay", "compare"]
