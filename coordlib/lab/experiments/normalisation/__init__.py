"""What failed was batch normalisation: one comparison, and its alternatives."""
