"""How much memory there is: of the function, of the container, of the machine."""

import weakref

import pytest

import mlcore
from handler import memory
from mlcore import blend

MACHINE = memory.available({})


def write(file, text):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_on_lambda_it_is_the_functions():
    assert memory.available({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}) == 512 << 20


def test_without_control_groups_it_is_the_machines(tmp_path):
    assert memory.available({}, tmp_path) >= MACHINE > 0


@pytest.mark.parametrize("limited", ["a/b", "a", ""])
@pytest.mark.parametrize(
    ("line", "top", "name"),
    [
        ("0::/a/b", "sys/fs/cgroup", "memory.max"),
        ("9:cpu,memory:/a/b", "sys/fs/cgroup/memory", "memory.limit_in_bytes"),
    ],
)
def test_a_control_group_limits_it_and_those_above_do(tmp_path, line, top, name, limited):
    write(tmp_path / "proc/self/cgroup", f"8:pids:/x\n{line}\n")
    for group in ("a/b", "a", ""):
        text = "104857600" if group == limited else "max"
        write(tmp_path / top / group / name, f"{text}\n")
    assert memory.available({}, tmp_path) == 100 << 20


def test_in_a_container_the_path_may_be_the_hosts(tmp_path):
    write(tmp_path / "proc/self/cgroup", "4:memory:/docker/0123\n")
    write(tmp_path / "sys/fs/cgroup/memory/memory.limit_in_bytes", "104857600\n")
    assert memory.available({}, tmp_path) == 100 << 20


def test_a_limit_above_the_machines_memory_is_none(tmp_path):
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    write(tmp_path / "sys/fs/cgroup/memory.max", f"{1 << 62}\n")
    assert memory.available({}, tmp_path) == memory.available({}, tmp_path / "nothing")


@pytest.mark.parametrize("verb", ["training", "evaluation"])
def test_no_request_holds_its_dataset_while_it_fits(moodle, course, monkeypatch, verb):
    """It is the largest thing in memory, and learning lets go of it."""
    read, choose = mlcore.read_labelled, blend.choose
    matrices, alive = [], []

    def reading(*arguments):
        dataset = read(*arguments)
        matrices.append(weakref.ref(dataset.X))
        return dataset

    def choosing(*arguments):
        alive.append([matrix() is not None for matrix in matrices])
        return choose(*arguments)

    monkeypatch.setattr(mlcore, "read_labelled", reading)
    monkeypatch.setattr(blend, "choose", choosing)
    getattr(moodle, verb)(course.labelled(40))
    assert alive == [[False]]
