"""The benchmark of learning quality: `python -m infra.lab.quality`.

Every learner meets the same splits of the same datasets. What was measured is kept, so a stopped
run goes on where it was, and only what is new is measured.
"""
