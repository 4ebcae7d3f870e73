"""A small AWS on this machine: its gateways in front of its runtime, with our package in it."""
