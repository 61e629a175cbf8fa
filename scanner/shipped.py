"""Where the default configuration and the shipped rules are: inside an installed wheel, else beside the package."""

from collections.abc import Sequence
from pathlib import Path

_PACKAGE = Path(__file__).parent
_PACKED = _PACKAGE / "_defaults"
_ROOT = _PACKED if _PACKED.is_dir() else _PACKAGE.parent


def default_config() -> Path:
    """The configuration that is used where the user has none."""
    return _ROOT / "config.yaml"


def shipped_rules() -> Path:
    """The folder of the shipped rules."""
    return _ROOT / "rules"


def rule_paths(named: Sequence[Path]) -> tuple[Path, ...]:
    """Where rules are read from: the paths named, else the shipped rules.

    The word ``shipped`` among them stands for the shipped rules, so that filters and overrides of one's own can go
    beside them; a file or folder that really has that name is taken for itself.
    """
    if not named:
        return (shipped_rules(),)
    return tuple(shipped_rules() if path.name == "shipped" and not path.exists() else path for path in named)
