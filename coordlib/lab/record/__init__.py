"""What was measured, kept with its provenance, and the claims it decides."""
