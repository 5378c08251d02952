"""Training: one network, many side by side, two against each other, players."""
