"""What every specification promises, whatever it estimates."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

import tfp_index as tfp
from tests.contract.examples import EXAMPLES, Example
from tests.contract.test_house import public_specifications

CASES = [
    pytest.param(example, id=f"{name}-{place}")
    for name, examples in EXAMPLES.items()
    for place, example in enumerate(examples)
]
every = pytest.mark.parametrize("example", CASES)


def numbers(result) -> dict[str, np.ndarray]:
    """Return every number of the small tables of a result, by name."""
    found = {}
    for kind in ("glance", "tidy"):
        for name, values in getattr(result, kind)().columns.items():
            if values.dtype.kind in "fiub":
                found[f"{kind}.{name}"] = np.sort(np.asarray(values, float))
    return found


def same(a, b, tolerance: float) -> None:
    left, right = numbers(a), numbers(b)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_allclose(left[name], right[name], rtol=tolerance, err_msg=name)


def test_every_public_specification_has_an_example():
    assert {c.__name__ for c in public_specifications()} == set(EXAMPLES)


@every
def test_options_survive_json(example: Example):
    document = json.loads(json.dumps(example.spec.to_dict()))
    assert tfp.spec_from_dict(document) == example.spec
    assert type(example.spec).from_dict(document) == example.spec


@every
def test_unknown_options_are_refused(example: Example):
    document = example.spec.to_dict()
    document["options"]["no_such_option"] = 1
    with pytest.raises(tfp.SpecificationError, match="no_such_option"):
        tfp.spec_from_dict(document)


@every
def test_specifications_are_frozen_and_hashable(example: Example):
    name = dataclasses.fields(example.spec)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(example.spec, name, None)
    assert hash(example.spec) == hash(type(example.spec).from_dict(example.spec.to_dict()))
    assert pickle.loads(pickle.dumps(example.spec)) == example.spec


@every
def test_the_description_names_the_method(example: Example):
    assert type(example.spec).__name__ in example.spec.describe()
    assert type(example.spec).__name__ in repr(example.spec)


@every
def test_fitting_leaves_the_frame_and_the_panel_alone(example: Example):
    before = example.frame.copy(deep=True)
    panel = tfp.Panel.from_frame(example.frame, **example.roles)
    columns = {role: values.copy() for role, values in panel.columns.items()}
    example.spec.fit(panel, **example.fit_options)
    pd.testing.assert_frame_equal(example.frame, before)
    for role, values in columns.items():
        np.testing.assert_array_equal(panel[role], values)


@every
def test_two_fits_agree_to_the_bit(example: Example):
    same(example.fit(), example.fit(), 0.0)


@every
def test_row_order_does_not_matter(example: Example):
    shuffled = example.frame.sample(frac=1.0, random_state=99).reset_index(drop=True)
    same(example.fit(), example.fit(shuffled), example.tolerance)


@every
def test_names_of_entities_do_not_matter(example: Example):
    column = example.roles["entity"]
    labels = example.frame[column].drop_duplicates().tolist()
    renamed = {label: f"{place:06d} <đơn vị> & co" for place, label in enumerate(sorted(labels))}
    frame = example.frame.assign(**{column: example.frame[column].map(renamed)})
    same(example.fit(), example.fit(frame), example.tolerance)


@every
def test_polars_gives_the_same(example: Example):
    pl = pytest.importorskip("polars")
    same(example.fit(), example.fit(pl.from_pandas(example.frame)), 0.0)


@every
def test_the_record_makes_the_result_again(example: Example):
    result = example.fit()
    record = json.loads(json.dumps(result.record.to_dict()))
    assert tfp.spec_from_dict(record["specification"]) == example.spec
    assert record["version"] == tfp.__version__
    panel = tfp.Panel.from_frame(example.frame, **example.roles)
    assert record["fingerprint"] == panel.fingerprint


@every
def test_no_row_is_lost_uncounted(example: Example):
    sample = example.fit().sample
    assert sample.rows == len(example.frame)
    assert sample.balanced, sample.to_dict()


@every
def test_results_hold_no_panel(example: Example):
    result = example.fit()
    for value in vars(result).values():
        assert not isinstance(value, (tfp.Panel, pd.DataFrame))


@every
def test_results_are_frozen(example: Example):
    with pytest.raises(dataclasses.FrozenInstanceError):
        example.fit().spec = None


@every
def test_results_travel_as_json(example: Example):
    document = json.loads(json.dumps(example.fit().to_dict(), allow_nan=False))
    assert document["record"]["specification"]["method"] == type(example.spec).__name__


@every
def test_results_survive_pickling(example: Example):
    result = example.fit()
    same(result, pickle.loads(pickle.dumps(result)), 0.0)


@every
def test_results_show_themselves(example: Example):
    column = example.roles["entity"]
    frame = example.frame.assign(**{column: "<script>" + example.frame[column].astype(str)})
    result = example.fit(frame)
    assert len(result.glance()) == (len(result) if isinstance(result, Mapping) else 1)
    assert len(result.tidy()) >= 1
    assert str(result)
    html = result._repr_html_()
    assert "<script>" not in html
    for table in (result.glance(), result.tidy()):
        assert table.to_markdown()
        assert table.to_latex()


@every
def test_nothing_is_printed_and_no_global_randomness_used(example: Example, capsys):
    state = np.random.get_state()  # noqa: NPY002  the global state is what is watched here
    example.fit()
    after = np.random.get_state()  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(state, after, strict=True))
    assert capsys.readouterr() == ("", "")


@every
def test_repeated_keys_are_refused(example: Example):
    frame = pd.concat([example.frame, example.frame.iloc[[0]]], ignore_index=True)
    with pytest.raises(tfp.DataError) as error:
        example.fit(frame)
    assert error.value.code == "duplicate_key"
    assert error.value.entity is not None
    assert error.value.remedy


@every
def test_rows_without_an_entity_are_refused(example: Example):
    frame = example.frame.astype({example.roles["entity"]: object})
    frame.loc[0, example.roles["entity"]] = None
    with pytest.raises(tfp.DataError) as error:
        example.fit(frame)
    assert error.value.code == "missing_key"


@every
def test_a_missing_role_is_named(example: Example):
    if example.needs is None:
        pytest.skip("needs no role of its own")
    roles = {k: v for k, v in example.roles.items() if k != example.needs}
    for kind in ("inputs", "columns"):
        if example.needs in roles.get(kind, {}):
            roles[kind] = {k: v for k, v in roles[kind].items() if k != example.needs}
    panel = tfp.Panel.from_frame(example.frame, **roles)
    with pytest.raises(tfp.TFPError) as error:
        example.spec.fit(panel, **example.fit_options)
    assert error.value.remedy or error.value.expected
