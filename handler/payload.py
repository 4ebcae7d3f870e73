"""How large requests and answers may become: AWS Lambda lets 6 MiB in and out.

They are of JSON, which holds an answer's body as a string, binary ones as base64:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar

from handler.errors import AnswerTooLarge

REQUEST_MB = 4.7  # what a request may have: its body comes as base64, too
PACKED_MB = round(24 * REQUEST_MB, -1)  # of a dataset, which the plugin packs 22 to 36 times
LAMBDA_BYTES = (6 << 20) - (64 << 10)  # less what the headers may take

# Of predictions: bytes of a row beside the sample's id, and what quotation marks make of them, or
# gzip and base64 (ids and probabilities that were drawn at random came to 0.31 by gzip).
_ROW_BYTES = 28
_ESCAPED = 1.25
_COMPRESSED = 0.35 * 4 / 3

_factor: ContextVar[float | None] = ContextVar("factor", default=None)


def begin(on_lambda: bool, compressed: bool) -> None:
    """Note what becomes of the answer to a request that begins."""
    factor = _COMPRESSED if compressed else _ESCAPED
    _factor.set(factor if on_lambda else None)


def require_room(sample_ids: Sequence[str]) -> None:
    """Refuse predictions whose answer would not pass, before the work.

    Raises
    ------
    handler.errors.AnswerTooLarge
    """
    factor = _factor.get()
    if factor is None:
        return
    if factor * (sum(map(len, sample_ids)) + _ROW_BYTES * len(sample_ids)) > LAMBDA_BYTES:
        raise AnswerTooLarge
