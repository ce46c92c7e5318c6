"""Growth and levels: growth accounting, index numbers, multilateral comparisons."""
