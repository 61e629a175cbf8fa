"""Where the default configuration and the shipped rules are: inside an installed wheel, else beside the package."""

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
