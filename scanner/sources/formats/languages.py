"""Dates as browsers and spreadsheets of many languages write them.

A date is taken only where every word and number in it is understood: a word that is not known may be a zone, a half of
the day or another calendar.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Literal

# January to December without accents: in full and, in a line of their own, short. Left out are the words that name one
# month in Poland and another in Croatia ("listopada", "lis", "lip"), for which a stroke stands.
_MONTHS_BY_LANGUAGE = """
january february march april may june july august september october november december
jan feb mar apr may jun jul aug sep oct nov dec
januar februar marz april mai juni juli august september oktober november dezember
jan feb mrz apr mai jun jul aug sept okt nov dez
janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre
janv fevr mars avr mai juin juil aout sept oct nov dec
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
ene feb mar abr may jun jul ago sept oct nov dic
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
gen feb mar apr mag giu lug ago set ott nov dic
janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
jan fev mar abr mai jun jul ago set out nov dez
januari februari maart april mei juni juli augustus september oktober november december
jan feb mrt apr mei jun jul aug sep okt nov dec
januari februari mars april maj juni juli augusti september oktober november december
januar februar marts april maj juni juli august september oktober november december
januar februar mars april mai juni juli august september oktober november desember
jan feb mar apr mai jun jul aug sep okt nov des
januari februari maret april mei juni juli agustus september oktober november desember
jan feb mar apr mei jun jul agu sep okt nov des
tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesakuuta heinakuuta elokuuta syyskuuta lokakuuta marraskuuta joulukuuta
stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia pazdziernika - grudnia
sty lut mar kwi maj cze - sie wrz paz - gru
ledna unora brezna dubna kvetna cervna cervence srpna zari rijna listopadu prosince
januar februar marcius aprilis majus junius julius augusztus szeptember oktober november december
jan febr marc apr maj jun jul aug szept okt nov dec
ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie
ian feb mar apr mai iun iul aug sept oct noi dec
ocak subat mart nisan mayis haziran temmuz agustos eylul ekim kasim aralik
oca sub mar nis may haz tem agu eyl eki kas ara
января февраля марта апреля мая июня июля августа сентября октября ноября декабря
янв февр мар апр мая июн июл авг сент окт нояб дек
січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня
січ лют бер квіт трав черв лип серп вер жовт лист груд
"""  # noqa: E501 - a language a line
_MONTHS = {
    word: month for line in _MONTHS_BY_LANGUAGE.strip().splitlines() for month, word in enumerate(line.split(), 1)
}
# What stands between a date and its clock, and the days of the week in English.
_FILLING = frozenset(
    [
        *(
            "at",
            "um",
            "uhr",
            "a",
            "las",
            "la",
            "le",
            "de",
            "del",
            "alle",
            "ore",
            "as",
            "kl",
            "klo",
            "om",
            "o",
            "v",
            "u",
        ),
        *("pukul", "den", "the", "t", "в", "г", "р", "о"),
        *("mon", "tue", "tues", "wed", "thu", "thur", "thurs", "fri", "sat", "sun"),
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ]
)
_AM, _PM = ("am", "a.m.", "上午", "午前", "오전"), ("pm", "p.m.", "下午", "午後", "오후")
_HALVES = {word: half for half, words in (("am", _AM), ("pm", _PM)) for word in words}
_HALF = "|".join(re.escape(word) for word in sorted(_HALVES, key=len, reverse=True))
_HALF_BEFORE = re.compile(rf"(?:^|(?<=[\W\d年月日년월일]))({_HALF}) ?$", re.IGNORECASE)
_HALF_BEHIND = re.compile(rf"^ ?({_HALF})(?!\w)", re.IGNORECASE)
_EAST_ASIAN = re.compile(r"(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]")
# With nothing beside it that may stand in a digit's place: "2026-10-2," may be the 21st. For the same reason a month or
# day with a nought before it goes with one of two digits, where the year is in front.
_PADDED = r"\d{4}(?P<a>[-/.]) ?\d\d(?P=a) ?\d\d(?=$|[\s,]|T\d)"
_BARE = r"\d{4}(?:(?P<b>[-/]) ?[1-9]\d?(?P=b) ?[1-9]\d?(?=$|\s|T\d)|(?:\. ?[1-9]\d?){2}(?=$|[\s.]))"
_YEAR_LAST = r"\d{1,2}(?P<c>[-/.]) ?\d{1,2}(?P=c) ?\d{4}(?=$|[\s,.])"
DATE_OF_NUMBERS = re.compile(rf"(?<!\S)(?:{_PADDED}|{_BARE}|{_YEAR_LAST})")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER = re.compile(r"\d+")

Order = Literal["day", "month", "slash"]


def plain(text: str) -> str:
    """Text with ordinary blanks, digits and minus signs, and without marks of direction."""
    text = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2013", "-")
    return " ".join("".join(sign for sign in text if unicodedata.category(sign) != "Cf").split())


def is_damaged(text: str) -> bool:
    """Whether a control character stands in a text: what it hides may be a digit, and it separates nothing."""
    return any(sign not in "\t\r\n" and unicodedata.category(sign) == "Cc" for sign in text)


# What dates, times and zones of any language are written with, beside letters, digits and blanks, and the marks of
# direction that are not seen.
_OF_DATES = frozenset(
    "-\u2010\u2011\u2013\u2212/.:,+()[]_'\u2019\t\r\n"
    "\ufeff\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def is_no_date(text: str) -> bool:
    """Whether a sign stands in a text that no date has, perhaps in a digit's place: ``2026-08-2<`` may be the 21st."""
    signs = {sign for sign in set(text) - _OF_DATES if unicodedata.normalize("NFKC", sign) not in _OF_DATES}
    kinds = {unicodedata.category(sign) for sign in signs}
    return any(kind[0] in "PSC" for kind in kinds) or "No" in kinds


def half_of_day(before: str, behind: str) -> tuple[str, str | None]:
    """Which half of the day a clock between two texts names, ``am`` or ``pm`` or None, and the texts without it."""
    found = _HALF_BEHIND.match(behind)
    if found is not None:
        return f"{before} {behind[found.end() :]}", _HALVES[found[1].lower()]
    found = _HALF_BEFORE.search(before)
    if found is not None:
        return f"{before[: found.start()]} {behind}", _HALVES[found[1].lower()]
    return f"{before} {behind}", None


def read_date(text: str, *, ambiguous: Order) -> date | None:
    """A date without a clock, written in words or in numbers; None where not all of it is understood.

    ``ambiguous`` says how ``5/6/2026`` is to be read: the day first, the month first, or not at all ("slash").
    """
    east = _EAST_ASIAN.search(text)
    if east is not None:
        year, month, day = (int(part) for part in east.groups())
        return date(year, month, day) if _only_filling(f"{text[: east.start()]} {text[east.end() :]}") else None
    found = DATE_OF_NUMBERS.search(text)
    if found is not None:
        return _of_numbers(found[0], ambiguous) if _only_filling(DATE_OF_NUMBERS.sub(" ", text, 1)) else None
    return _of_words(text)


def _of_numbers(text: str, ambiguous: Order) -> date | None:
    """A date of three numbers. Dots set off the day first, everywhere; a year in front is followed by its month."""
    first, second, third = (int(part) for part in _NUMBER.findall(text))
    if re.match(r"\d{4}", text):
        return date(first, second, third)
    if "." in text or first > 12 or (ambiguous == "day" and second <= 12):
        return date(third, second, first)
    if ambiguous == "slash" and first != second and second <= 12:
        return None
    return date(third, first, second)


def _of_words(text: str) -> date | None:
    """A date with the month's name: the number of four digits is the year, the other one the day."""
    folded = _folded(text)
    words = [word for word in _WORD.findall(folded) if word not in _FILLING]
    numbers = _NUMBER.findall(folded)
    years = [number for number in numbers if len(number) == 4]
    days = [number for number in numbers if len(number) <= 2]
    if len(words) != 1 or words[0] not in _MONTHS or len(years) != 1 or len(days) != 1 or len(numbers) != 2:
        return None
    return date(int(years[0]), _MONTHS[words[0]], int(days[0]))


def _only_filling(text: str) -> bool:
    """Whether nothing in a text has a meaning of its own."""
    return not _NUMBER.search(text) and all(word in _FILLING for word in _WORD.findall(_folded(text)))


def _folded(text: str) -> str:
    """Small letters without accents."""
    letters = unicodedata.normalize("NFKD", text.lower())
    return "".join(sign for sign in letters if not unicodedata.combining(sign)).replace("ı", "i")
