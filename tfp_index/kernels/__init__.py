"""Formulas as plain functions on plain arrays: numpy and scipy only, no state, no names."""
