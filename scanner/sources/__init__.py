"""Where chains come from: one module a vendor, recorded files, and a simulated market."""
