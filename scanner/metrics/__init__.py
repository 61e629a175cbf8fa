"""What a chain says, counted: one module a scope, frames in and frames out, names from :mod:`scanner.fields`."""
