"""Mails about what goes wrong and what it costs: a stack of their own, and a budget.

They come last and are optional: whatever happens to them, the server works.
"""

from __future__ import annotations

from typing import Any

from infra.aws import function, stack
from infra.aws.account import Account, unless_gone
from infra.aws.resources import STAGE, Names
from infra.aws.status import FAILURES

BUDGET_USD = 5

_PERIOD = 3600  # seconds
_NAMESPACE = "MoodleMlbackend"
_FAILED = "Failed"
_WHAT_TO_DO = (
    "'python -m infra status' shows the last errors, and docs/errors.md what to do about each."
)

Resource = dict[str, Any]


def switch_on(account: Account, email: str | None) -> None:
    """Make the alarms and the budget, or bring them up to date.

    Parameters
    ----------
    account : Account
    email : str, optional
        Where the mails go; None: where they went until now.

    Raises
    ------
    CommandFailed, botocore.exceptions.ClientError
    """
    stack.apply(
        account,
        account.names.alarm_stack,
        template(account.names, function.http_api_id(account)),
        {"Email": email},
    )
    if email:
        print(f"  AWS has sent a mail to {email}: alarms go there once its link was clicked.")
        _renew_budget(account, email)


def switch_off(account: Account) -> None:
    """Remove the alarms and the budget, where there are any."""
    stack.delete(account, account.names.alarm_stack)
    _delete_budget(account)


def are_on(account: Account) -> bool:
    """Say whether there are alarms, whole or in part."""
    return stack.status(account, account.names.alarm_stack) is not None


def template(names: Names, http_api: str | None) -> dict[str, Any]:
    """Return the template of the alarms.

    Parameters
    ----------
    names : Names
    http_api : str, optional
        The HTTP API's identifier, where there is one.
    """
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Moodle's machine learning backend: alarms",
        "Parameters": {"Email": {"Type": "String", "Description": "Where alarms go."}},
        "Resources": {
            "Topic": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "TopicName": names.topic,
                    "Subscription": [{"Protocol": "email", "Endpoint": {"Ref": "Email"}}],
                },
            },
            "FailuresInLog": _failures_in_log(names),
            "ErrorAlarm": _alarm(
                f"{names.alarms}-errors",
                "Moodle's machine learning backend failed, crashed, ran out of time or memory, or "
                f"refused a file that is too large or too many sign-ins. {_WHAT_TO_DO}",
                _lambda_metric(names, "Errors"),
                {"Namespace": _NAMESPACE, "MetricName": _FAILED},
            ),
            "GatewayAlarm": _alarm(
                f"{names.alarms}-gateway",
                "An address of Moodle's machine learning backend answered with an error of a "
                "server (500 to 599), for instance 504 after the 29 or 30 seconds that API "
                "Gateway waits: let Moodle use the function URL, which waits 15 minutes. "
                + _WHAT_TO_DO,
                _lambda_metric(names, "Url5xxCount"),
                _api_metric("5XXError", ApiName=names.function, Stage=STAGE),
                *([_api_metric("5xx", ApiId=http_api)] if http_api else []),
            ),
            "ThrottleAlarm": _alarm(
                f"{names.alarms}-throttles",
                "AWS turned requests of Moodle away, as more came at once than the account or the "
                "function's reserved concurrency allows. Moodle tries again with its next run; if "
                "it happens often, ask AWS for a higher quota of concurrent executions (Service "
                "Quotas), or look whether somebody else knows the address.",
                _lambda_metric(names, "Throttles"),
            ),
        },
    }


def _failures_in_log(names: Names) -> Resource:
    return {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": names.log_group,
            "FilterPattern": FAILURES,
            "MetricTransformations": [
                {
                    "MetricNamespace": _NAMESPACE,
                    "MetricName": _FAILED,
                    "MetricValue": "1",
                    "Unit": "Count",
                }
            ],
        },
    }


def _lambda_metric(names: Names, metric: str) -> dict[str, Any]:
    return {"Namespace": "AWS/Lambda", "MetricName": metric} | _where(FunctionName=names.function)


def _api_metric(metric: str, **dimensions: str) -> dict[str, Any]:
    return {"Namespace": "AWS/ApiGateway", "MetricName": metric} | _where(**dimensions)


def _where(**dimensions: str) -> dict[str, Any]:
    return {"Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()]}


def _alarm(name: str, description: str, *metrics: dict[str, Any]) -> Resource:
    """Return an alarm that rings when any of the metrics counts something within an hour."""
    counted = [
        {
            "Id": f"m{i}",
            "MetricStat": {"Metric": metric, "Period": _PERIOD, "Stat": "Sum"},
            "ReturnData": False,
        }
        for i, metric in enumerate(metrics)
    ]
    # FILL, as a metric that counted nothing has no value, and the sum had none then, either
    total = {
        "Id": "total",
        "Expression": " + ".join(f"FILL(m{i}, 0)" for i in range(len(metrics))),
        "Label": name,
        "ReturnData": True,
    }
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": name,
            "AlarmDescription": description,
            "Metrics": [total, *counted],
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": [{"Ref": "Topic"}],
        },
    }


def _renew_budget(account: Account, email: str) -> None:
    # made anew, as a budget's mails cannot be changed together with it
    _delete_budget(account)
    account.client("budgets").create_budget(
        AccountId=account.names.account,
        Budget={
            "BudgetName": account.names.budget,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": str(BUDGET_USD), "Unit": "USD"},
        },
        NotificationsWithSubscribers=[
            {
                "Notification": {
                    "NotificationType": kind,
                    "ComparisonOperator": "GREATER_THAN",
                    "Threshold": 100,
                    "ThresholdType": "PERCENTAGE",
                },
                "Subscribers": [{"SubscriptionType": "EMAIL", "Address": email}],
            }
            for kind in ("ACTUAL", "FORECASTED")
        ],
    )
    print(f"  a budget of {BUDGET_USD} USD a month for the account: it mails, and stops nothing")


def _delete_budget(account: Account) -> None:
    names = account.names
    delete = account.client("budgets").delete_budget
    unless_gone(delete, {"NotFoundException"}, AccountId=names.account, BudgetName=names.budget)
