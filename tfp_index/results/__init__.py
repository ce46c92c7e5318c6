"""What every method shares: specifications as data, results with their record."""
