"""The server under load: several clients at once, each of which checks its own answers."""
