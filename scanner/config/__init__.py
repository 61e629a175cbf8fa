"""``config.yaml`` -> typed, frozen settings.

Every problem is reported at once, each as ``file:line: what is wrong; how to mend``. Secrets come from the environment
as ``${NAME}`` and are kept in :class:`pydantic.SecretStr`, which never prints itself; what is wrong with one is said of
``${NAME}``, never of its value. Relative paths are taken from the folder of the file that names them, so that a
scheduled job may start anywhere.

``values`` says how a value is written, ``settings`` what there is, ``reading`` goes from the file to them.
"""

from scanner.config.reading import find, load
from scanner.config.settings import (
    AlertSettings,
    Job,
    Notify,
    Outputs,
    PricingSettings,
    Settings,
    StoreSettings,
    TerminalOutput,
    WatchlistOutput,
    name_of,
)

__all__ = [
    "AlertSettings",
    "Job",
    "Notify",
    "Outputs",
    "PricingSettings",
    "Settings",
    "StoreSettings",
    "TerminalOutput",
    "WatchlistOutput",
    "find",
    "load",
    "name_of",
]
