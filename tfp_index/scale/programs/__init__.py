"""Programs: what each specification computes over partitions, in rounds."""
