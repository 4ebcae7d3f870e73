"""Hostile input by the hundred thousand: what reads it must neither fail, nor hang, nor swell."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".fuzz"  # what was found, and what was learned of the code on the way
TARGETS = ("dataset", "model", "request")
