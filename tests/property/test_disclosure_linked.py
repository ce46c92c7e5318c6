"""Attack on index, contributions and sums by district at once, over all years, in exact numbers."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import lcm

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tfp_index as tfp
from tests.profiles import examples
from tfp_index.kernels import disclosure as sdc

YEARS = (2021, 2022, 2023, 2024)
TOTAL = "(total)"
MOST_FOR_ALL_SUMS = 12
"""Blanks of a table and period of which every sum is tried; of more, sums of up to three."""


def tables_of(seed):
    """Index and contributions by district, and weights by district and industry."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(25, 120))
    share = rng.dirichlet(np.full(int(rng.integers(2, 6)), 0.8))
    names = np.array(["Hạ Long", "Cẩm Phả", "Uông Bí", "Móng Cái", "Cô Tô"], object)
    district, industry = rng.choice(share.size, n, p=share), rng.integers(0, 2, n)
    first, last = rng.integers(-2, 3, n), rng.integers(1, 7, n)
    rows = [
        (f, names[district[f]], "CN" if industry[f] else "DV", year)
        for f in range(n)
        for k, year in enumerate(YEARS)
        if first[f] <= k <= last[f]
    ]
    frame = pd.DataFrame(rows, columns=["firm", "district", "industry", "year"])
    frame["s"] = np.exp(1.3 * rng.normal(size=len(frame)))
    frame["tfp"] = rng.normal(size=len(frame))
    panel = tfp.Panel.from_frame(
        frame, entity="firm", time="year", columns={"s": "s", "tfp": "tfp"},
        groups={"district": "district", "industry": "industry"},
    )  # fmt: skip
    common = {"weight": "s", "by": "district"}
    tables = [
        tfp.Aggregation(**common).fit(panel, "tfp").cells(),
        tfp.Decomposition(**common).fit(panel, "tfp").cells(),
    ]
    if seed % 2:
        tables.append(tfp.Cells.from_panel(panel, by=["district", "industry"], weight="s"))
    return tables


class Attacker:
    """Knows every published and every empty cell, all sums, and how changes follow from levels."""

    def __init__(self, published):
        self.behind, status = {}, {}
        relations = {}
        for number, disclosed in enumerate(published):
            cells = disclosed.cells
            names = list(cells.keys)
            for row in range(len(cells)):
                labels = {name: cells.keys[name][row] for name in names}
                key = self._key(labels, cells.time[row])
                empty = all(behind.n[row] == 0 for behind in cells.contributions)
                known = empty or disclosed.status[row] == "published"
                status[key] = known or status.get(key, False)
                self.behind.setdefault(key, []).append((number, row, cells.contributions[0]))
                for name in names:
                    whole = self._key({**labels, name: TOTAL}, cells.time[row])
                    relation = relations.setdefault((number, name, whole), {})
                    relation[key] = -1 if labels[name] == TOTAL else 1
        stated = [relation for relation in relations.values() if -1 in relation.values()]
        self.relations = [*stated, *self._changes(status)]
        self.unknown = [key for key, known in status.items() if not known]
        self.null = self._null_space()

    @staticmethod
    def _key(labels, time):
        return frozenset((n, v) for n, v in labels.items() if v != TOTAL), time

    @staticmethod
    def _changes(status):
        for labels, time in list(status):
            if isinstance(time, str) and not any(name == "term" for name, _ in labels):
                start, end = (int(year) for year in time.split("–"))
                if (labels, start) in status and (labels, end) in status:
                    yield {(labels, end): 1, (labels, start): -1, (labels, time): -1}

    def _null_space(self):
        """Integer basis of what the relations leave open, by exact elimination."""
        place = {key: i for i, key in enumerate(self.unknown)}
        u = len(place)
        reduced = {}  # pivot: row without any other pivot
        for relation in self.relations:
            row = [Fraction(0)] * u
            for key, sign in relation.items():
                if key in place:
                    row[place[key]] += sign
            for pivot, other in reduced.items():
                if row[pivot]:
                    factor = row[pivot]
                    row = [a - factor * b for a, b in zip(row, other, strict=True)]
            lead = next((i for i, x in enumerate(row) if x), None)
            if lead is None:
                continue
            row = [x / row[lead] for x in row]
            for pivot, other in reduced.items():
                if other[lead]:
                    factor = other[lead]
                    reduced[pivot] = [a - factor * b for a, b in zip(other, row, strict=True)]
            reduced[lead] = row
        free = [i for i in range(u) if i not in reduced]
        basis = []
        for column in free:
            scale = lcm(*(row[column].denominator for row in reduced.values()), 1)
            vector = [0] * u
            vector[column] = scale
            for pivot, row in reduced.items():
                vector[pivot] = int(-row[column] * scale)
            basis.append(vector)
        return np.array(basis, np.int64).reshape(len(free), u).T

    def recovered(self):
        """Return the blanks that follow exactly."""
        return [key for key, open_ in zip(self.unknown, self.null, strict=True) if not open_.any()]

    def sensitive_sums(self, limits):
        """Return sums of blanks of one table and period that follow and break the rules."""
        groups = {}
        for i, key in enumerate(self.unknown):
            for number, row, behind in self.behind[key]:
                if behind.n[row] > 0:
                    groups.setdefault((number, key[1]), []).append((i, row, behind))
        found = []
        for members in groups.values():
            most = len(members) if len(members) <= MOST_FOR_ALL_SUMS else 3
            for size in range(2, most + 1):
                for chosen in itertools.combinations(members, size):
                    if not self.null[[i for i, _, _ in chosen]].sum(axis=0).any():
                        rows = np.array([row for _, row, _ in chosen])
                        if sdc.sensitive(sdc.combine(chosen[0][2], rows), limits)[0]:
                            found.append([self.unknown[i] for i, _, _ in chosen])
        return found


def alone(disclosed):
    """Lines of a published table with exactly one blank part."""
    cells, found = disclosed.cells, {}
    blank = disclosed.status == "suppressed"
    blank &= np.any([behind.n > 0 for behind in cells.contributions], axis=0)
    for row in range(len(cells)):
        labels = {name: cells.keys[name][row] for name in cells.keys}
        for name, label in labels.items():
            line = (name, cells.time[row], frozenset({**labels, name: TOTAL}.items()))
            parts, total = found.setdefault(line, ([], []))
            (total if label == TOTAL else parts).append(bool(blank[row]))
    return [line for line, (parts, total) in found.items() if total == [False] and sum(parts) == 1]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(15))
def test_attack_on_linked_tables_over_all_years_recovers_nothing(seed):
    rules = tfp.DisclosureRules()
    published = rules.apply(tables_of(seed))
    attacker = Attacker(published)
    assert not attacker.recovered()
    assert not attacker.sensitive_sums(rules.limits)
    assert not [line for disclosed in published for line in alone(disclosed)]


@pytest.mark.slow
def test_attack_on_two_hundred_provinces_recovers_nothing():
    rules = tfp.DisclosureRules()
    for seed in range(200):
        published = rules.apply(tables_of(seed))
        attacker = Attacker(published)
        assert not attacker.recovered(), seed
        assert not attacker.sensitive_sums(rules.limits), seed
        assert not [line for disclosed in published for line in alone(disclosed)], seed


def test_the_attack_breaks_tables_that_do_not_know_of_each_other():
    rules = tfp.DisclosureRules()
    broken = 0
    for seed in range(10):
        attacker = Attacker([rules.apply(table) for table in tables_of(seed)])
        broken += bool(attacker.recovered() or attacker.sensitive_sums(rules.limits))
    assert broken > 2


def test_districts_that_may_be_shown_do_not_fall_with_one_that_may_not():
    """Levels and changes share their margins, not their terms: years have no terms to hide in."""
    sim = tfp.datasets.simulate.province(enterprises=1000, periods=8, rng=1)
    frame = sim.frame().assign(tfp=sim.truth.productivity)
    panel = tfp.Panel.from_frame(
        frame, entity="enterprise", time="year", value_added="value_added",
        columns={"tfp": "tfp"}, groups={"district": "district"},
    )  # fmt: skip
    common = {"weight": "value_added", "by": "district"}
    tables = [
        tfp.Aggregation(**common).fit(panel, "tfp").cells(),
        tfp.Decomposition(**common).fit(panel, "tfp").cells(),
    ]
    rules = tfp.DisclosureRules()
    index, change = rules.apply(tables)
    lost = index.status == "suppressed"
    primary = rules.apply(tables[0]).rule != "secondary"
    assert (lost & primary).any()
    assert lost.mean() < 0.25
    assert (change.status == "suppressed").mean() < 0.65
    of_index = {index.cells.keys["district"][row] for row in np.flatnonzero(lost)}
    totals = (change.cells.keys["term"] == TOTAL) & (change.status == "suppressed")
    assert {change.cells.keys["district"][row] for row in np.flatnonzero(totals)} == of_index
