"""The US Treasury's daily par yields, a file a year, fetched when somebody asks for them and never otherwise.

Public domain, no key. The Treasury publishes on business days between 15:30 and 18:00 New York.
"""

from __future__ import annotations

from collections.abc import Iterable

from scanner.errors import SourceError
from scanner.sources.http import PoliteClient

ADDRESS = (
    "https://home.treasury.gov/resource-center/data-chart-center/interest-rates/daily-treasury-rates.csv/{year}/all"
    "?type=daily_treasury_yield_curve&field_tdr_date_value={year}&page&_format=csv"
)


def fetch(years: Iterable[int], client: PoliteClient) -> dict[str, str]:
    """The CSV of each year by a name for messages. Raises SourceError where one cannot be had."""
    texts = {}
    for year in years:
        answer = client.get(ADDRESS.format(year=year))
        if answer.status != 200:
            raise SourceError(
                f"the Treasury answers HTTP {answer.status} for the yields of {year}; download the file with a browser "
                "and name it in the configuration as `pricing.curve`"
            )
        texts[f"the Treasury's file of {year}"] = answer.body.decode("utf-8", "replace")
    return texts
