"""Runs over partitions: larger than memory, across machines, with the same digits."""
