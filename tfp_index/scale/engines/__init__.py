"""Engines: who holds the partitions and who computes on them."""
