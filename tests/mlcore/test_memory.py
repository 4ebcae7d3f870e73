"""What would not fit in the memory is refused before it starts."""

import subprocess
import sys
import weakref
from dataclasses import replace

import pytest

from mlcore import blend, errors, memory, read_labelled, read_unlabelled, train
from mlcore.evaluation import evaluate
from tests.mlcore.builders import make_course, make_file

COURSE = make_course(60, n_features=8)
USUAL = 1769 << 20  # of a function on AWS


@pytest.mark.parametrize("n_rows", [50, 140_000, 600_000])
def test_what_a_function_of_the_usual_size_must_do_fits(n_rows):
    """A night's samples, or as many as the largest request holds, beside as many as are kept."""
    memory.TO_LEARN.require(USUAL, (n_rows, 98), memory.MAX_CELLS)
    memory.TO_LEARN.require(USUAL, (min(n_rows, 140_000), 414), memory.MAX_CELLS)
    memory.TO_PREDICT.require(USUAL, (min(n_rows, 140_000), 414))


def test_where_the_memory_is_not_known_everything_fits():
    memory.TO_LEARN.require(None, (10**9, 1000), 10**12)


@pytest.mark.parametrize("work", [train, lambda *_, memory: evaluate(COURSE, 2, memory=memory)])
def test_work_that_does_not_fit_is_refused_with_the_number_to_set(work, monkeypatch):
    monkeypatch.setattr(blend, "choose", lambda task: pytest.fail("has begun"))
    with pytest.raises(errors.TooLittleMemory) as caught:
        work(COURSE, memory=128 << 20)
    sentence = str(caught.value)
    assert sentence.startswith("This dataset needs 192 MB of memory and the server has 128 MB")


@pytest.mark.parametrize("read", [read_labelled, read_unlabelled])
def test_rows_that_do_not_fit_are_not_even_read(read):
    """The last of them cannot be read at all."""
    head, row = ("a,b,c", "1,0,0.5,1") if read is read_labelled else ("sampleid,a,b", "1-1,0,1,1")
    columns = f"{head},target" if read is read_labelled else f"{head},c"
    data = make_file(f"{row}\n" * 300_000 + "what?", columns)
    with pytest.raises(errors.RowLength):
        read(data, USUAL)
    with pytest.raises(errors.TooLittleMemory):
        read(data, 150 << 20)


@pytest.mark.parametrize(("work", "options"), [(train, {}), (evaluate, {"n_iterations": 2})])
def test_a_dataset_is_let_go_before_anything_is_fitted(work, options, monkeypatch):
    """Its matrix is the largest thing in memory, and its samples are among the examples by then."""
    choose, alive = blend.choose, []

    def watched(task, *arguments):
        alive.append(matrix() is not None)
        return choose(task, *arguments)

    monkeypatch.setattr(blend, "choose", watched)
    datasets = [replace(COURSE, X=COURSE.X.copy())]
    matrix = weakref.ref(datasets[0].X)
    work(datasets.pop(), **options)
    assert alive == [False]


FREED = """
from pathlib import Path
from mlcore.memory import return_freed

def used():
    line = next(l for l in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in l)
    return int(line.split()[1]) // 1024

return_freed()
large = bytes(30 << 20)  # once it is free, glibc by itself takes all up to its size from one heap
del large
many = [bytearray(b"x" * (8 << 20)) for _ in range(20)]
before = used()
last = many.pop()
many.clear()
print(before - used())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_memory_that_is_free_is_returned_to_the_system():
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, check=True, text=True)
    assert int(done.stdout) >= 19 * 8 - 1
