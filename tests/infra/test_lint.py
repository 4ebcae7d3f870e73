"""The templates are checked for every region that is offered."""

import pytest

from infra.aws import lint


@pytest.fixture
def lint_found(capfd):
    def lint_found():
        return lint.main(), capfd.readouterr().out

    return lint_found


def test_cfn_lint_finds_nothing_in_any_region(lint_found):
    assert lint_found() == (0, "")
    assert {"eu-north-1", "eu-central-2", "ap-southeast-7"} <= set(lint.regions())


def test_what_some_regions_lack_is_found(lint_found, monkeypatch):
    budget = {"Type": "AWS::Budgets::Budget", "Properties": {"Budget": {"BudgetType": "COST"}}}
    monkeypatch.setattr(lint, "templates", lambda names: {"x": {"Resources": {"Budget": budget}}})
    status, told = lint_found()
    assert status != 0
    assert "'AWS::Budgets::Budget' does not exist in" in told
    assert "eu-north-1" in told
