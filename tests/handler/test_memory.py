"""How much memory there is: of the function, of the container, of the machine."""

import pytest

from handler import memory

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
