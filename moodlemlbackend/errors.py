"""What can be wrong with how a command is called, each with one sentence for Moodle's admin."""

from __future__ import annotations

from handler.errors import AdminError


class CommandError(AdminError):
    """A command that cannot do its work; `status` is its exit status."""

    status = 1


class MissingArguments(CommandError):
    sentence = "Missing arguments: {missing}. Moodle calls {command} with {all}."


class TooManyArguments(CommandError):
    sentence = "Too many arguments: Moodle calls {command} with {all}."


class UnreadableFile(CommandError):
    sentence = (
        "What Moodle wrote for this command cannot be read ({reason}): check that the disk is not "
        "full, and that the command runs as the user that Moodle runs as."
    )


class UnwritableFile(CommandError):
    sentence = (
        "The files for Moodle cannot be written ({reason}): check that the disk is not full, and "
        "that Moodle's data directory belongs to the user that the command runs as."
    )


class OtherDistribution(CommandError):
    sentence = (
        "The package {package} was installed twice, by {ours} and by {other}, and the files of one "
        "have replaced those of the other: run 'pip uninstall {other}', then "
        "'pip install --force-reinstall --no-deps {ours}'."
    )
