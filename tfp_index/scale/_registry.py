"""Which program runs a specification over partitions."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from tfp_index.errors import SpecificationError
from tfp_index.results.specification import Specification
from tfp_index.scale.task import Program

__all__ = ["PROGRAMS", "program_of"]

PROGRAMS: dict[str, str] = {
    # name of the specification's class -> "module:function" below tfp_index.scale.programs
    "Aggregation": "aggregation:aggregation",
    "Decomposition": "decomposition:decomposition",
    "Dispersion": "dispersion:dispersion",
    "GrowthAccounting": "accounting:accounting",
    "CobbDouglas": "least_squares:least_squares",
    "Translog": "least_squares:least_squares",
    "HsiehKlenow": "misallocation:misallocation",
    "AckerbergCavesFrazer": "two_stage:two_stage",
    "LevinsohnPetrin": "two_stage:two_stage",
    "OlleyPakes": "two_stage:two_stage",
}
"""Where the program of each specification is; imported only when it is run."""


def program_of(spec: Specification) -> Callable[..., Program]:
    """Return the program of a specification.

    A class that is not listed may bring its own: an attribute ``scale_program``, a function of
    ``(spec, context)``.

    Raises
    ------
    SpecificationError
        If it has none.
    """
    if not isinstance(spec, Specification):
        raise SpecificationError(
            f"{type(spec).__name__} is not a specification",
            code="not_a_specification",
            expected="a specification such as GrowthAccounting()",
        )
    home = PROGRAMS.get(type(spec).__name__)
    if home is not None:
        module, _, function = home.partition(":")
        found = importlib.import_module(f"{__package__}.programs.{module}")
        program: Callable[..., Program] = getattr(found, function)
        return program
    own = getattr(type(spec), "scale_program", None)
    if own is not None:
        return own  # type: ignore[no-any-return]
    raise SpecificationError(
        f"{type(spec).__name__} cannot be run over partitions",
        code="not_partitioned",
        expected="one of " + ", ".join(sorted(PROGRAMS)),
        remedy="fit it in memory: spec.fit(Panel.from_frame(…))",
    )
