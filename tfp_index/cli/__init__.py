"""The command ``tfp-index``: check, growth, report, reproduce, and the demo."""

from tfp_index.cli._main import main

__all__ = ["main"]
