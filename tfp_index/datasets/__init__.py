"""Bundled data, each with its source, license, vintage and units."""

from tfp_index.datasets import simulate
from tfp_index.datasets.bundled import load
from tfp_index.datasets.catalog import DatasetInfo, describe, names
from tfp_index.datasets.hours import FilledHours, fill_hours

__all__ = ["DatasetInfo", "FilledHours", "describe", "fill_hours", "load", "names", "simulate"]
