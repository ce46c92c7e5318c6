"""The command ``tfp-index``: check a table, account for growth, write the report, run the demo."""

from tfp_index.cli._main import main

__all__ = ["main"]
