"""From enterprises to the province: aggregates, decompositions, dispersion, misallocation."""
