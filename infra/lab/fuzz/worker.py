"""Fuzzes one target in a process of its own.

``python -m infra.lab.fuzz.worker TARGET RUNS FOLDER``
"""

from __future__ import annotations

import random
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mlcore", "handler", "werkzeug"]):
    from infra.lab.fuzz import targets
    from infra.lab.fuzz.meter import Meter

_MAX_LENGTH = 50_000  # bytes of a mutated input; larger ones are made on purpose
_OFTEN = 50  # inputs after which what is known is written down


def main(name: str, runs: int, folder: Path) -> None:
    """Run the known worst inputs, then mutate genuine ones.

    Parameters
    ----------
    name : str
        Of the target.
    runs : int
        How many mutated inputs.
    folder : Path
        Where findings, the corpus and the summary are kept.
    """
    warnings.simplefilter("error", RuntimeWarning)  # numbers that went wrong unseen
    with tempfile.TemporaryDirectory() as directory:
        target = targets.target(name, directory)
        meter = Meter(target.run, folder)
        corpus = folder / "corpus"
        corpus.mkdir(exist_ok=True)
        for i, seed in enumerate(target.seeds()):
            (corpus / f"seed-{i:02}").write_bytes(seed)
            meter(seed)
        for what, data in target.large().items():
            print(f"the worst of its kind: {what}", file=sys.stderr, flush=True)
            meter(data)
        meter.write(folder / "summary.json")

        last = meter.inputs + runs

        def run(data: bytes) -> None:
            meter(data)
            if meter.inputs % _OFTEN == 0 or meter.inputs == last:
                meter.write(folder / "summary.json")

        def mutate(data: bytes, max_size: int, seed: int) -> bytes:
            def garble(piece: bytes) -> bytes:
                garbled: bytes = atheris.Mutate(piece, max(1, len(piece) + 64))
                return garbled

            return target.mutate(data, random.Random(seed), garble)[:max_size]  # noqa: S311

        arguments = [
            *(sys.argv[0], f"-runs={runs}", f"-max_len={_MAX_LENGTH}", "-seed=1"),
            *("-timeout=100", "-rss_limit_mb=4096", "-len_control=0", "-print_final_stats=1"),
            *(f"-artifact_prefix={folder}/", str(corpus)),
        ]
        atheris.Setup(arguments, run, custom_mutator=mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
