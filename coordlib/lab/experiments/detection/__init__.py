"""Finding digits."""
