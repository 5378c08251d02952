"""Painting and finding positions, with coordinates and without."""
