"""From findings to alerts: identity, selection, episodes, and confirmation by the next morning's open interest."""
