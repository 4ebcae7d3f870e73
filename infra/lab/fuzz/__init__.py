"""Hostile input by the hundred thousand: what reads it must neither fail, nor hang, nor swell."""

from infra import ROOT

FOLDER = ROOT / ".fuzz"  # what was found, and what was learned of the code on the way
TARGETS = ("dataset", "model", "request")
