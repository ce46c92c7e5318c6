"""Every registered program belongs to a public specification and names its rounds."""

from __future__ import annotations

import inspect

import pytest

import tfp_index as tfp
from tfp_index.errors import SpecificationError
from tfp_index.results.specification import Specification
from tfp_index.scale._registry import PROGRAMS, program_of

OWN = (tfp.scale.Checks, tfp.scale.EnterpriseIndicators)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_is_there(name):
    kind = getattr(tfp, name)
    assert issubclass(kind, Specification)
    program = program_of(kind())
    assert inspect.isgeneratorfunction(program)
    assert list(inspect.signature(program).parameters)[:2] == ["spec", "context"]
    assert "round" in (inspect.getdoc(program) or "").lower()


@pytest.mark.parametrize("kind", OWN)
def test_a_specification_may_bring_its_own(kind):
    assert callable(program_of(kind()))


def test_others_are_refused_by_name():
    with pytest.raises(SpecificationError, match="DynamicPanel") as caught:
        program_of(tfp.DynamicPanel())
    assert caught.value.code == "not_partitioned"
    assert "AckerbergCavesFrazer" in (caught.value.expected or "")
