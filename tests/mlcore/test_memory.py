"""What would not fit in the memory is refused before it starts."""

import pytest

from mlcore import blend, errors, evaluate, memory, train
from tests.mlcore.builders import make_course

COURSE = make_course(60, n_features=8)
USUAL = 1769 << 20  # of a function on AWS


@pytest.mark.parametrize("n_sent", [50 * 98, 140_000 * 414])
def test_what_a_function_of_the_usual_size_must_do_fits(n_sent):
    """A night's samples, or 110 MB of them, beside as many as are ever kept."""
    memory.require(USUAL, n_sent, 20_000_000)


def test_where_the_memory_is_not_known_everything_fits():
    memory.require(None, 10**12, 10**12)


@pytest.mark.parametrize("work", [train, lambda *_, memory: evaluate(COURSE, 2, memory=memory)])
def test_work_that_does_not_fit_is_refused_with_the_number_to_set(work, monkeypatch):
    monkeypatch.setattr(blend, "choose", lambda task: pytest.fail("has begun"))
    with pytest.raises(errors.TooLittleMemory) as caught:
        work(COURSE, memory=128 << 20)
    sentence = str(caught.value)
    assert sentence.startswith("This dataset needs 256 MB of memory and the server has 128 MB")
