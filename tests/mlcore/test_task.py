"""What a task makes once, and how it is divided into folds."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mlcore.task import Memo, Samples
from tests.mlcore.builders import make_course


def test_threads_that_ask_together_get_the_same():
    made = []

    def make():
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    memo = Memo()
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: memo.once("key", make), range(8)))
    assert [made[0]] * 8 == results
    assert len(made) == 1


def test_one_may_be_made_while_another_is():
    memo = Memo()
    assert memo.once("outer", lambda: [memo.once("inner", lambda: 1)]) == [1]


def test_who_waits_for_what_fails_is_told():
    def fail():
        time.sleep(0.05)
        raise ValueError("no")

    memo = Memo()
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(memo.once, "key", fail) for _ in range(2)]:
            with pytest.raises(ValueError, match="no"):
                future.result()


def test_nothing_that_a_fold_tests_is_learned_in_it_and_all_folds_test_everything():
    course = make_course(250, minority=0.4, noise=0.5)
    task = Samples(course.X, course.y, (0, 1)).task(np.ones(250))
    tested = np.concatenate([fold.tested.used for fold in task.folds()])
    assert sorted(tested.tolist()) == list(range(250))
    for fold in task.folds():
        assert not set(fold.learned.used) & set(fold.tested.used)
