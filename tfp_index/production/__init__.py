"""Production functions of firms: one file per method; what they share begins with _."""
