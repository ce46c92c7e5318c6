"""Total factor productivity of provinces, industries and enterprises.

Public names are resolved on first use, so that importing the package loads numpy and nothing
heavier.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

import numpy  # noqa: ICN001  the one eager import: what a user pays for is known

from tfp_index._version import __version__

if TYPE_CHECKING:
    from tfp_index import datasets, plot, report, reproductions, scale
    from tfp_index.aggregation.aggregate import Aggregation
    from tfp_index.aggregation.decomposition import Decomposition
    from tfp_index.aggregation.disclosure import Cells, DisclosureRules
    from tfp_index.aggregation.dispersion import Dispersion
    from tfp_index.aggregation.misallocation import HsiehKlenow
    from tfp_index.composite.index import CompositeIndex
    from tfp_index.criteria import statements
    from tfp_index.criteria.criteria_set import CriteriaSet
    from tfp_index.criteria.enterprise import enterprise_indicators
    from tfp_index.criteria.levers import Levers
    from tfp_index.criteria.programme import Plan
    from tfp_index.errors import (
        ConvergenceWarning,
        DataError,
        DataWarning,
        EstimationError,
        FileError,
        IdentificationWarning,
        MissingDependencyError,
        SpecificationError,
        TFPError,
        TFPWarning,
    )
    from tfp_index.growth.accounting import GrowthAccounting
    from tfp_index.growth.bilateral import BilateralIndex
    from tfp_index.growth.klems import KlemsAccounts
    from tfp_index.growth.levels import DevelopmentAccounting, TFPLevels
    from tfp_index.growth.multilateral import MultilateralIndex
    from tfp_index.growth.published import check_published
    from tfp_index.measurement.capital_services import CapitalServices
    from tfp_index.measurement.labor_services import HumanCapital, LaborServices
    from tfp_index.measurement.labor_share import LaborShare
    from tfp_index.measurement.perpetual_inventory import PerpetualInventory
    from tfp_index.measurement.prices import Deflation, Rebasing
    from tfp_index.measurement.splicing import BreakRepair, Splicing
    from tfp_index.panel.cleaning import CleaningProfile, clean
    from tfp_index.panel.concordance import Concordance
    from tfp_index.panel.panel import Panel
    from tfp_index.panel.sme_size import with_sme_size
    from tfp_index.panel.table import Table
    from tfp_index.production.ackerberg_caves_frazer import AckerbergCavesFrazer
    from tfp_index.production.bootstrap import Bootstrap
    from tfp_index.production.cost_shares import CostShareResidual
    from tfp_index.production.dynamic_panel import DynamicPanel
    from tfp_index.production.gandhi_navarro_rivers import GandhiNavarroRivers
    from tfp_index.production.least_squares import CobbDouglas, Translog
    from tfp_index.production.levinsohn_petrin import LevinsohnPetrin
    from tfp_index.production.markups import Markups
    from tfp_index.production.olley_pakes import OlleyPakes
    from tfp_index.production.wooldridge import Wooldridge
    from tfp_index.results.compare import compare
    from tfp_index.results.schema import json_schema
    from tfp_index.results.specification import spec_from_dict

_HOME = {
    # data
    "Panel": "tfp_index.panel.panel",
    "Table": "tfp_index.panel.table",
    "with_sme_size": "tfp_index.panel.sme_size",
    "Concordance": "tfp_index.panel.concordance",
    "CleaningProfile": "tfp_index.panel.cleaning",
    "clean": "tfp_index.panel.cleaning",
    # growth
    "GrowthAccounting": "tfp_index.growth.accounting",
    "BilateralIndex": "tfp_index.growth.bilateral",
    "DevelopmentAccounting": "tfp_index.growth.levels",
    "KlemsAccounts": "tfp_index.growth.klems",
    "MultilateralIndex": "tfp_index.growth.multilateral",
    "TFPLevels": "tfp_index.growth.levels",
    "check_published": "tfp_index.growth.published",
    # measurement
    "BreakRepair": "tfp_index.measurement.splicing",
    "CapitalServices": "tfp_index.measurement.capital_services",
    "Deflation": "tfp_index.measurement.prices",
    "HumanCapital": "tfp_index.measurement.labor_services",
    "LaborServices": "tfp_index.measurement.labor_services",
    "LaborShare": "tfp_index.measurement.labor_share",
    "PerpetualInventory": "tfp_index.measurement.perpetual_inventory",
    "Rebasing": "tfp_index.measurement.prices",
    "Splicing": "tfp_index.measurement.splicing",
    # production functions of firms
    "AckerbergCavesFrazer": "tfp_index.production.ackerberg_caves_frazer",
    "Bootstrap": "tfp_index.production.bootstrap",
    "CobbDouglas": "tfp_index.production.least_squares",
    "LevinsohnPetrin": "tfp_index.production.levinsohn_petrin",
    "OlleyPakes": "tfp_index.production.olley_pakes",
    "CostShareResidual": "tfp_index.production.cost_shares",
    "DynamicPanel": "tfp_index.production.dynamic_panel",
    "GandhiNavarroRivers": "tfp_index.production.gandhi_navarro_rivers",
    "Markups": "tfp_index.production.markups",
    "Translog": "tfp_index.production.least_squares",
    "Wooldridge": "tfp_index.production.wooldridge",
    # composite indices
    "CompositeIndex": "tfp_index.composite.index",
    # criteria sets
    "CriteriaSet": "tfp_index.criteria.criteria_set",
    "Levers": "tfp_index.criteria.levers",
    "Plan": "tfp_index.criteria.programme",
    "enterprise_indicators": "tfp_index.criteria.enterprise",
    # aggregation: from enterprises to the province
    "Aggregation": "tfp_index.aggregation.aggregate",
    "Cells": "tfp_index.aggregation.disclosure",
    "Decomposition": "tfp_index.aggregation.decomposition",
    "DisclosureRules": "tfp_index.aggregation.disclosure",
    "Dispersion": "tfp_index.aggregation.dispersion",
    "HsiehKlenow": "tfp_index.aggregation.misallocation",
    # results
    "compare": "tfp_index.results.compare",
    "json_schema": "tfp_index.results.schema",
    "spec_from_dict": "tfp_index.results.specification",
    # errors and warnings
    "ConvergenceWarning": "tfp_index.errors",
    "DataError": "tfp_index.errors",
    "DataWarning": "tfp_index.errors",
    "EstimationError": "tfp_index.errors",
    "FileError": "tfp_index.errors",
    "IdentificationWarning": "tfp_index.errors",
    "MissingDependencyError": "tfp_index.errors",
    "SpecificationError": "tfp_index.errors",
    "TFPError": "tfp_index.errors",
    "TFPWarning": "tfp_index.errors",
}
"""Where each public name lives."""

_MODULES = {
    "datasets": "tfp_index.datasets",
    "plot": "tfp_index.plot",
    "report": "tfp_index.report",
    "reproductions": "tfp_index.reproductions",
    "scale": "tfp_index.scale",
    "statements": "tfp_index.criteria.statements",
}
"""Public modules and where they live."""

__all__ = ["__version__", *sorted(_HOME), *_MODULES]

logging.getLogger("tfp_index").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
    elif name in _MODULES:
        value = importlib.import_module(_MODULES[name])
    else:
        raise AttributeError(f"module 'tfp_index' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
