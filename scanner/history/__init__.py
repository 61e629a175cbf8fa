"""What was known before a session: past sessions, dense, and the ids of their contracts."""
