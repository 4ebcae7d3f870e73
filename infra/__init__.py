"""What runs the backend: on this machine for a look, and on AWS."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # of the checkout
