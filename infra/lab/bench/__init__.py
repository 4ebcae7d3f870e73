"""`make bench`: speed and memory, measured and held against their goals."""
