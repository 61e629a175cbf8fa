"""What a scan says to the outside: terminal, JSON, CSV watchlists, chain tables. Outputs know nothing of sources."""
