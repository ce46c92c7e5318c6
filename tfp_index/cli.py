"""The command ``tfp-index``."""
