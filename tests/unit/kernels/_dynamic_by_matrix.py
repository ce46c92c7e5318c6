"""A dynamic panel with all instruments in one matrix, by loops: what the blocks must equal."""

from __future__ import annotations

import numpy as np


def whole(columns, code, time, *, first, last, system, collapse, dummies):
    """Stack the equations; return y, X, Z, firm of each row and Z'HZ."""
    at = {(c, t): i for i, (c, t) in enumerate(zip(code.tolist(), time.tolist(), strict=True))}
    k = len(columns) - 1
    levels = [i for (c, t), i in at.items() if (c, t - 1) in at]
    periods = sorted({int(time[i]) for i in levels})
    spread = [None] if collapse else periods

    def lag(column, i, j):
        back = at.get((code[i], time[i] - j))
        return 0.0 if back is None else columns[column][back]

    def change(column, i, j):
        now, then = (at.get((code[i], time[i] - j - d)) for d in (0, 1))
        return 0.0 if now is None or then is None else columns[column][now] - columns[column][then]

    def over(value, i):
        return [value if p is None or p == time[i] else 0.0 for p in spread]

    def x(i):
        before = at[(code[i], time[i] - 1)]
        row = [columns[0][before], *(columns[j][i] for j in range(1, k + 1))]
        row += [columns[j][before] for j in range(1, k + 1)]
        row += [1.0] * system
        return np.array(row + [float(p == time[i]) for p in periods[1:]] * dummies)

    own = 2 * k + 1
    for_changes, for_levels = {}, {}
    for i in levels:
        for_changes[i] = np.concatenate(
            [over(lag(c, i, j), i) for c in range(k + 1) for j in range(first[c], last + 1)]
        )
        if system:
            for_levels[i] = np.concatenate(
                [over(change(c, i, first[c] - 1), i) for c in range(k + 1)]
            )
    q1 = len(next(iter(for_changes.values())))
    q2 = len(next(iter(for_levels.values()))) if system else 0
    q = q1 + q2 + len(x(levels[0])) - own
    y, X, Z, firm, meets = [], [], [], [], {i: np.zeros(q) for i in levels}
    for i in levels:
        before = at[(code[i], time[i] - 1)]
        if before not in meets:
            continue
        changed = x(i) - x(before)
        z = np.concatenate([for_changes[i], np.zeros(q2), changed[own:]])
        y.append(columns[0][i] - columns[0][before])
        X.append(changed)
        Z.append(z)
        firm.append(code[i])
        meets[i] += z
        meets[before] -= z
    for i in levels if system else []:
        z = np.concatenate([np.zeros(q1), for_levels[i], x(i)[own:]])
        y.append(columns[0][i])
        X.append(x(i))
        Z.append(z)
        firm.append(code[i])
        meets[i] += z
    initial = sum(np.outer(g, g) for g in meets.values())
    return np.array(y), np.array(X), np.array(Z), np.array(firm), initial
