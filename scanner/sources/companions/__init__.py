"""What stands beside chains: who tells it, what was told, and how old it is."""
