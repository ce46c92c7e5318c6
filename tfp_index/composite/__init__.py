"""Composite indices: criteria on one scale, weighted, combined, ranked, with their uncertainty."""
