"""Datasets that mean harm: small ones to begin with, large ones, and how to make more of them."""

from __future__ import annotations

import random
from collections.abc import Callable

from infra.lab.course import Course

_HEADER = b"nfeatures,targetclasses,targettype\n"
_ONE = b'1,"[0,1]",discrete\n'
# what fields, names and values are exchanged for
_TEXTS = (
    *(b"", b"0", b"1", b"-1", b"-0.54", b"1e999999", b"1e-999999", b"3.5e38", b"-", b"+", b"."),
    *(b"nan", b"inf", b"1_0", b"0x1", b" 1", b"1 ", b"9" * 400, b"0." + b"0" * 400 + b"1"),
    *(b'"', b'""', b'"1"', b'"1,2"', b'"1\n2"', b"\r", b"\n", b"\0", b"\xef\xbb\xbf", b"\xff"),
    *("½".encode(), "٣".encode(), "\u202e".encode(), b",", b",,,,,,,,", b"|", b"discrete"),
    *(b"[0,1]", b"[[0]]", b"[0,1e400]", b"[NaN]", b'["0"]', b"{}", b"[" * 300, b"[true,false]"),
    *(b"nfeatures", b"targetclasses", b"targettype", b"targetcolumn", b"sampleid", b"4294967297"),
)


def seeds() -> list[bytes]:
    """Return genuine files of all kinds."""
    return [
        *(Course(4, seed=seed).labelled(3) for seed in range(3)),
        Course(4).unlabelled(3),
        Course(9, n_classes=4).labelled(6),
        Course(30).unlabelled(2),
        _HEADER + _ONE + b"a,t\n0.5,1\n-1,0\n,1\n",
    ]


def large(n: int = 1_000_000) -> dict[str, bytes]:
    """Return files of about `n` bytes, each the worst of its kind."""
    one = _HEADER + _ONE + b"a,t\n"
    many = _HEADER + b'5000,"[0,1]",discrete\n' + b"," * 5_000 + b"\n"
    classes = b'nfeatures,targetclasses\n1,"%s"\na,t\n0,1\n'
    third = n // 3
    return {
        "commas": b"," * n,
        "quotes": b'"' * n,
        "line ends": b"\n" * n,
        "zeros": bytes(n),
        "metadata": b",".join(b"a%d" % i for i in range(n // 14)) * 2,
        "a header of short names": _HEADER + _ONE + b"aa," * third,
        "a header of quoted names": _HEADER + _ONE + b'"a""",' * (n // 6),
        "a header of line ends": _HEADER + _ONE + b'"' + b"\n" * n + b'"',
        "deep classes": classes % (b"[" * n),
        "many classes": classes % b"[0%s]" % (b",1" * (n // 2)),
        "more classes": classes % b"[%s]" % b",".join(b"%d" % i for i in range(n // 7)),
        "many lists of classes": classes % b"|".join([b"[0,1]"] * (n // 6)),
        "a long class": classes % (b"[0,%s]" % (b"9" * n)),
        "a long count of features": b"nfeatures,targetclasses\n%s,[]\n" % (b"9" * n),
        "short rows": one + b",1\n" * third,
        "short rows and other ends": one + b",1\r\n" * (n // 4),
        "quoted rows": one + b'"",1\n' * (n // 5),
        "rows of ids": _HEADER + _ONE + b"s,a\n" + b"aa,\n" * (n // 4),
        "rows of numbers": one + b"".join(b"%.9f,1\n" % (i / n) for i in range(n // 14)),
        "rows of long ids": _HEADER + _ONE + b"s,a\n" + b"a" * n + b",1\n",
        "empty lines": one + b"0,1\n" + b"\n" * n + b"0,1\n",
        "empty lines, and quotes": one + b'"0",1\n' + b"\n" * n + b"0,1\n",
        "a long line": one + b"0," * (n // 2),
        "wide rows": many + (b"," * 5_000 + b"\n") * (n // 5_001),
        "wide rows, the last one wrong": many + (b"," * 5_000 + b"\n") * (n // 5_001) + b"1",
        "a long number": one + b"1" * n + b",1\n",
        "a long fraction": one + b"0." + b"0" * n + b"1,1\n",
        "large exponents": one + b"1e999999,1\n" * (n // 11),
        "a long quoted field": one + b'"' + b"1" * n + b'",1\n',
        "an odd byte at the end": one + b"0,1\n" * (n // 4) + b"\xff",
    }


def mutate(data: bytes, chance: random.Random, garble: Callable[[bytes], bytes]) -> bytes:
    """Return another file: with other fields or lines, or garbled."""
    lines = data.split(b"\n")
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(lines))
        match chance.randrange(6):
            case 0:
                lines.insert(at, lines[chance.randrange(len(lines))])
            case 1 if len(lines) > 1:
                del lines[at]
            case 2 | 3:
                fields = lines[at].split(b",")
                fields[chance.randrange(len(fields))] = chance.choice(_TEXTS)
                lines[at] = b",".join(fields)
            case 4:
                fields = lines[at].split(b",")
                fields.insert(chance.randrange(len(fields) + 1), chance.choice(_TEXTS))
                lines[at] = b",".join(fields)
            case _:
                lines[at] = garble(lines[at])
    return b"\n".join(lines)
