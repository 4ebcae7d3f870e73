"""How many processors there are: of the function, of the container, of the machine."""

import os

import pytest

from handler import processors
from tests.handler.test_memory import write

MACHINE = processors.available()


def test_a_function_s_go_with_its_memory():
    assert processors.of_function(1769 << 20) == 1
    assert processors.of_function(512 << 20) == pytest.approx(0.29, abs=0.01)


def test_without_control_groups_they_are_those_that_it_may_run_on(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 2, 5}, raising=False)
    assert processors.available(tmp_path) == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert processors.available(tmp_path) == 7


@pytest.mark.parametrize("limited", ["a/b", "a", ""])
def test_a_control_group_limits_them_and_those_above_do(tmp_path, limited):
    write(tmp_path / "proc/self/cgroup", "0::/a/b\n")
    for group in ("a/b", "a", ""):
        text = "50000 100000" if group == limited else "max 100000"
        write(tmp_path / "sys/fs/cgroup" / group / "cpu.max", f"{text}\n")
    assert processors.available(tmp_path) == 0.5


def test_so_does_one_of_version_1(tmp_path):
    write(tmp_path / "proc/self/cgroup", "4:cpu,cpuacct:/docker/0123\n")
    folder = tmp_path / "sys/fs/cgroup/cpu"
    write(folder / "cpu.cfs_quota_us", "75000\n")
    write(folder / "cpu.cfs_period_us", "100000\n")
    assert processors.available(tmp_path) == 0.75
    write(folder / "cpu.cfs_quota_us", "-1\n")
    assert processors.available(tmp_path) == MACHINE


def test_more_than_the_machine_has_are_not_there(tmp_path):
    write(tmp_path / "proc/self/cgroup", "0::/\n")
    write(tmp_path / "sys/fs/cgroup/cpu.max", "100000000 100000\n")
    assert processors.available(tmp_path) == MACHINE
