"""What finds anomalies, judged over recorded chains: ``python -m benchmarks detection``."""


def main(arguments: list[str]) -> int:
    """See :func:`benchmarks.detection.command.main`, which loads what the benchmark needs."""
    from benchmarks.detection import command

    return command.main(arguments)
