"""What is told first: the contracts of a session ranked by how often as much comes on this watchlist."""
