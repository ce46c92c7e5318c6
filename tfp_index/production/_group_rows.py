"""The rows of each group of a panel."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfp_index.kernels.groups import group_offsets
from tfp_index.panel.keys import Category

__all__ = ["rows_of_groups"]

Ints = NDArray[np.int64]


def rows_of_groups(group: Category) -> dict[Any, Ints]:
    """Return the rows of each group that occurs, ascending, in the order of the codes."""
    codes = group.codes
    if len(group) < 2**15:  # sorted digit by digit, several times faster
        codes = codes.astype(np.int16)
    order = np.argsort(codes, kind="stable")
    order = order[np.searchsorted(codes[order], 0) :]
    edges = group_offsets(codes[order])
    parts = [order[start:stop] for start, stop in pairwise(edges.tolist())]
    labels = group.labels.tolist()
    return {labels[group.codes[rows[0]]]: rows for rows in parts}
