"""The formats that alerts are exported in: a register, and one file each."""
