"""Criteria sets of the province and of enterprises: indicators, scores, ranks, profiles."""
