"""Playing games."""
