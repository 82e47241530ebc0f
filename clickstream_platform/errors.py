"""The root of every error this platform raises on purpose."""


class ClickstreamError(Exception):
    """Says where, what was found, what was expected and what to do next.

    `exit_code` is what the command line returns for it: 1 a law or check is broken, 2 usage,
    3 environment.
    """

    exit_code = 1


class UsageError(ClickstreamError):
    """A wrong argument, setting or mapping: the caller can fix it."""

    exit_code = 2


class EnvironmentProblemError(ClickstreamError):
    """Something this machine lacks or that stopped working: Java, a JAR, the engine."""

    exit_code = 3
