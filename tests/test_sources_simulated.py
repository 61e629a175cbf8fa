"""The simulated market: what it must have in common with a real one, and the stories planted in it."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from scanner.errors import SourceError, UsageError
from scanner.market import chain
from scanner.sources import simulated
from scanner.sources.simulation.listing import third_friday
from scanner.sources.simulation.stories import Lift, Story

CONTRACT = ["underlying", "root", "expiry", "strike", "right"]


@pytest.fixture(scope="module")
def goog() -> list[pl.DataFrame]:
    return list(simulated.sessions("goog-235"))


@pytest.fixture(scope="module")
def nvda() -> list[pl.DataFrame]:
    return list(simulated.sessions("nvda-puts"))


@pytest.fixture(scope="module")
def market(goog: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(goog)


def put_call_ratio(frame: pl.DataFrame, symbol: str, leave_out: tuple[str, ...] = ()) -> float:
    mine = frame.filter((pl.col("underlying") == symbol) & ~pl.col("contract").is_in(leave_out))
    puts = mine.filter(pl.col("right") == "P")["volume"].sum()
    return puts / mine.filter(pl.col("right") == "C")["volume"].sum()


def volumes(frames: list[pl.DataFrame], contract: str) -> dict[date, int]:
    rows = pl.concat(frames).filter(pl.col("contract") == contract)
    return dict(zip(rows["session_date"], rows["volume"], strict=True))


class TestShape:
    def test_a_scenario_is_forty_sessions_of_fourteen_names_all_marked_simulated(
        self, goog: list[pl.DataFrame], nvda: list[pl.DataFrame]
    ) -> None:
        for frames, last in ((goog, date(2025, 9, 5)), (nvda, date(2024, 6, 20))):
            assert len(frames) == 40
            assert frames[-1]["session_date"].unique().to_list() == [last]
            for frame in frames:
                assert frame.schema == chain.SCHEMA
                assert frame["underlying"].n_unique() == 14
                assert frame["simulated"].all()
                assert set(frame["source"]) == {"simulated"}

    def test_every_name_lists_some_hundreds_of_contracts_and_the_index_has_both_roots(
        self, market: pl.DataFrame
    ) -> None:
        per_name = market.group_by("session_date", "underlying").len()["len"]
        assert per_name.min() > 100
        assert per_name.mean() == pytest.approx(1000, rel=0.3)
        index = market.filter(pl.col("underlying") == "SPX").group_by("root").agg(pl.col("settlement").unique())
        assert dict(index.select("root", pl.col("settlement").list.first()).iter_rows()) == {"SPX": "AM", "SPXW": "PM"}

    def test_names_left_out_of_a_scenario_leave_the_others_as_they_are(self, nvda: list[pl.DataFrame]) -> None:
        few = {"KO", "NVDA"}
        narrow = simulated.sessions("nvda-puts", date(2024, 6, 18), symbols=few)
        whole = simulated.sessions("nvda-puts", date(2024, 6, 18))
        for frame, among in zip(narrow, whole, strict=True):
            assert_frame_equal(frame, among.filter(pl.col("underlying").is_in(few)))
        assert put_call_ratio(frame, "NVDA") == put_call_ratio(nvda[-1], "NVDA")

    def test_the_same_seed_gives_the_same_frames_and_another_seed_does_not(self) -> None:
        day = date(2025, 3, 14)
        again = [next(iter(simulated.sessions(["GOOG"], day, day, seed=seed))) for seed in (7, 7, 8)]
        assert_frame_equal(again[0], again[1])
        assert not again[0].equals(again[2])

    def test_a_chain_does_not_depend_on_what_else_is_asked_for(self) -> None:
        day = date(2025, 3, 14)
        alone = next(iter(simulated.sessions(["KO"], day, day)))
        among = list(simulated.sessions(["GOOG", "KO", "SPY"], day - timedelta(days=20), day))[-1]
        assert_frame_equal(alone, among.filter(pl.col("underlying") == "KO"))


class TestListing:
    @pytest.mark.parametrize(
        ("month", "friday"),
        [((2025, 8), date(2025, 8, 15)), ((2024, 6), date(2024, 6, 21)), ((2025, 13), date(2026, 1, 16))],
    )
    def test_third_friday(self, month: tuple[int, int], friday: date) -> None:
        assert third_friday(*month) == friday

    def test_an_expiry_on_a_holiday_friday_moves_to_the_thursday(self) -> None:
        """Good Friday 2025-04-18 was a third Friday; Independence Day 2025 a Friday."""
        april = next(iter(simulated.sessions(["KO"], date(2025, 4, 1), date(2025, 4, 1))))
        june = next(iter(simulated.sessions(["KO"], date(2025, 6, 20), date(2025, 6, 20))))
        assert date(2025, 4, 17) in april["expiry"]
        assert date(2025, 4, 18) not in april["expiry"]
        assert date(2025, 7, 3) in june["expiry"]
        assert date(2025, 7, 4) not in june["expiry"]

    def test_expired_contracts_are_gone_and_morning_settled_ones_a_session_earlier(self, market: pl.DataFrame) -> None:
        assert market.filter(pl.col("expiry") < pl.col("session_date")).height == 0
        same_day = market.filter(pl.col("expiry") == pl.col("session_date"))
        assert set(same_day["settlement"]) == {"PM"}
        assert same_day.filter(pl.col("underlying") == "SPX").height > 0

    def test_january_contracts_more_than_a_year_out_are_listed(self, goog: list[pl.DataFrame]) -> None:
        mine = goog[-1].filter(pl.col("underlying") == "GOOG")
        assert date(2027, 1, 15) in mine["expiry"]

    def test_strikes_once_listed_stay_until_they_expire_and_new_ones_start_without_open_interest(
        self, goog: list[pl.DataFrame]
    ) -> None:
        added = 0
        for before, after in itertools.pairwise(goog):
            day = after["session_date"][0]
            kept = before.filter(
                (pl.col("expiry") > day) | ((pl.col("expiry") == day) & (pl.col("settlement") == "PM"))
            )
            assert kept.join(after, on=CONTRACT, how="anti").height == 0
            fresh = after.join(before, on=CONTRACT, how="anti")
            assert fresh["open_interest"].sum() == 0
            added += fresh.join(before, on=["root", "expiry"], how="semi").height
        assert added > 100


class TestVolume:
    def test_more_than_half_of_all_contract_days_are_without_a_trade(self, market: pl.DataFrame) -> None:
        assert 0.5 < (market["volume"] == 0).mean() < 0.75

    def test_the_tail_is_as_heavy_as_in_recorded_chains(self, market: pl.DataFrame) -> None:
        """Hill's estimator over the largest half per cent: 1.3 to 1.8 was measured on real contract-days."""
        largest = np.sort(market["volume"].to_numpy())[::-1][: market.height // 200]
        tail_index = (len(largest) - 1) / np.log(largest[:-1] / largest[-1]).sum()
        assert 1.2 < tail_index < 1.9

    def test_activity_of_a_contract_persists_from_session_to_session(self, market: pl.DataFrame) -> None:
        logs = market.sort("session_date").select(
            today=pl.col("volume").log1p(), before=pl.col("volume").log1p().shift().over("contract")
        )
        assert logs.select(pl.corr("today", "before")).item() > 0.6

    def test_days_are_busy_or_quiet_for_many_names_together(self) -> None:
        frames = pl.concat(simulated.sample_market(5, ["AAPL", "AMZN", "GOOG", "MSFT", "META", "JPM", "XOM", "DIS"]))
        daily = frames.group_by("session_date", "underlying").agg(pl.col("volume").sum().log()).sort("session_date")
        wide = daily.pivot(on="underlying", index="session_date", values="volume").drop("session_date").to_numpy()
        correlations = np.corrcoef(np.diff(wide, axis=0), rowvar=False)
        assert correlations[np.triu_indices(8, 1)].mean() > 0.15

    def test_a_planted_busy_day_makes_every_name_busy_and_leaves_the_days_before_alone(self) -> None:
        names, day = ("JPM", "KO", "XOM"), date(2025, 6, 13)
        busy = Story(lifts=tuple(Lift(name, (day,), 1.0) for name in names))
        plain, lifted = (simulated.sample_market(4, names, day, 3, story) for story in (None, busy))
        for before, after in zip(plain[:-1], lifted[:-1], strict=True):
            assert_frame_equal(before, after)
        totals = [
            frame[-1].group_by("underlying").agg(pl.col("volume").sum()).sort("underlying") for frame in (plain, lifted)
        ]
        assert (totals[1]["volume"] > 1.5 * totals[0]["volume"]).all()

    def test_near_the_money_trades_more_than_far_from_it(self, market: pl.DataFrame) -> None:
        distance = (pl.col("strike") / pl.col("spot")).log().abs()
        single = market.filter(pl.col("underlying").is_in(["GOOG", "AAPL", "MSFT"]))
        near, far = single.filter(distance < 0.02)["volume"], single.filter(distance > 0.3)["volume"]
        assert near.mean() > 50 * far.mean()
        assert (near == 0).mean() < 0.25 < 0.7 < (far == 0).mean()


class TestOpenInterest:
    def test_it_never_changes_by_more_than_the_volume_of_the_session(self, goog: list[pl.DataFrame]) -> None:
        for before, after in itertools.pairwise(goog):
            both = before.join(after, on=CONTRACT, suffix="_next")
            change = (both["open_interest_next"] - both["open_interest"]).abs()
            assert (change <= both["volume"]).all()
            assert (change > 0).any()

    def test_it_describes_the_close_of_the_session_before(self, goog: list[pl.DataFrame]) -> None:
        for before, after in itertools.pairwise(goog):
            assert after["oi_asof"].unique().to_list() == before["session_date"].unique().to_list()


class TestQuotes:
    def test_bid_is_below_ask_on_the_tick_and_never_negative(self, market: pl.DataFrame) -> None:
        assert (market["bid"] < market["ask"]).all()
        assert market["bid"].min() == 0
        for side in ("bid", "ask"):
            cents = (market[side] * 100).round().cast(pl.Int64)
            assert ((market[side] * 100 - cents).abs() < 1e-6).all()
            coarse = market.filter((pl.col(side) >= 3.1) & ~pl.col("underlying").is_in(["SPY", "QQQ"]))
            assert ((coarse[side] * 100).round().cast(pl.Int64) % 5 == 0).all()

    def test_wings_have_no_bid(self, market: pl.DataFrame) -> None:
        far = market.filter((pl.col("right") == "C") & (pl.col("strike") > 1.3 * pl.col("spot")))
        near = market.filter((pl.col("strike") / pl.col("spot")).is_between(0.99, 1.01))
        assert (far["bid"] == 0).mean() > 0.2
        assert (near.filter(pl.col("expiry") > pl.col("session_date"))["bid"] == 0).mean() < 0.01

    def test_european_quotes_admit_put_call_parity(self, goog: list[pl.DataFrame]) -> None:
        """C - P = S exp(-qT) - K exp(-rT) must lie inside the quoted synthetic's bid and ask, for every strike."""
        index = goog[-1].filter((pl.col("underlying") == "SPX") & (pl.col("expiry") > pl.col("session_date")))
        on = ["root", "expiry", "strike", "settlement"]
        pairs = index.filter(pl.col("right") == "C").join(index.filter(pl.col("right") == "P"), on=on, suffix="_put")
        close = pl.datetime(2025, 9, 5, 16)
        expires = pl.col("expiry").cast(pl.Datetime("us")) + pl.when(pl.col("settlement") == "AM").then(
            pl.duration(minutes=570)
        ).otherwise(pl.duration(hours=16))
        years = (expires - close).dt.total_seconds() / (365 * 86_400)
        parity = pairs.filter(pl.col("expiry") < date(2025, 11, 1)).select(
            fair=pl.col("spot") * (-0.012 * years).exp() - pl.col("strike") * (-0.042 * years).exp(),
            low=pl.col("bid") - pl.col("ask_put"),
            high=pl.col("ask") - pl.col("bid_put"),
        )
        assert parity.height > 200
        assert parity.filter(~pl.col("fair").is_between(pl.col("low") - 0.05, pl.col("high") + 0.05)).height == 0

    def test_nothing_is_offered_below_what_exercise_pays(self, market: pl.DataFrame) -> None:
        american = market.filter(pl.col("exercise_style") == "american")
        pays = (american["spot"] - american["strike"]) * american["right"].replace_strict({"C": 1.0, "P": -1.0})
        assert (american["ask"] >= pays - 1e-9).all()

    def test_puts_below_the_spot_carry_more_volatility_than_calls_above(self, goog: list[pl.DataFrame]) -> None:
        index = goog[-1].filter((pl.col("root") == "SPX") & (pl.col("expiry") == date(2025, 12, 19)))
        money = (pl.col("strike") / pl.col("spot")).round(2)
        below = index.filter((money == 0.9) & (pl.col("right") == "P"))["vendor_iv"].mean()
        above = index.filter((money == 1.1) & (pl.col("right") == "C"))["vendor_iv"].mean()
        assert below > above + 0.03


class TestWithinASession:
    DAY = date(2025, 9, 4)

    def scan(self, hour: int, minute: int = 0) -> pl.DataFrame:
        source = simulated.SimulatedSource.of_scenario("goog-235")
        instant = datetime(2025, 9, 4, hour, minute, tzinfo=UTC)
        frames = [fetched.chain for fetched in source.chains(["GOOG", "SPY"], instant)]
        return pl.concat([frame for frame in frames if frame is not None])

    def test_volume_only_grows_and_ends_at_the_session_s_volume(self, goog: list[pl.DataFrame]) -> None:
        day = [self.scan(*clock) for clock in ((13, 45), (15, 0), (17, 0), (19, 0), (19, 55), (20, 0))]
        totals = [frame["volume"].sum() for frame in day]
        for before, after in itertools.pairwise(day):
            assert before["contract"].to_list() == after["contract"].to_list()
            assert (before["volume"] <= after["volume"]).all()
        assert totals == sorted(set(totals))
        close = next(frame for frame in goog if frame["session_date"][0] == self.DAY)
        expected = close.filter(pl.col("underlying").is_in(["GOOG", "SPY"])).sort("contract")
        assert day[-1].sort("contract")["volume"].to_list() == expected["volume"].to_list()

    def test_the_day_is_u_shaped(self) -> None:
        clocks = [(13, 30), (14, 30), (15, 30), (16, 15), (17, 15), (18, 15), (19, 0), (20, 0)]
        totals = [self.scan(*clock)["volume"].sum() for clock in clocks]
        first_hour, midday, last_hour = totals[1] - totals[0], totals[4] - totals[3], totals[7] - totals[6]
        assert first_hour > 1.4 * midday
        assert last_hour > 1.2 * midday

    def test_trades_happen_inside_the_session_and_not_in_the_future(self) -> None:
        frame = self.scan(15)
        opened, now = datetime(2025, 9, 4, 13, 30, tzinfo=UTC), datetime(2025, 9, 4, 15, 0, tzinfo=UTC)
        traded = frame.filter(pl.col("volume") > 0)
        assert traded["last_trade_time"].is_between(opened, now).all()
        assert (traded["last"] > 0).all()
        assert frame.filter(pl.col("volume") == 0)["last_trade_time"].null_count() == (frame["volume"] == 0).sum()
        assert frame["quote_time"].unique().to_list() == [now]


class TestSource:
    def test_an_unknown_symbol_is_refused_by_name_and_the_others_go_on(self) -> None:
        answers = list(simulated.SimulatedSource().chains(["KO", "XYZ", "CLX"], datetime(2026, 3, 2, 18, tzinfo=UTC)))
        assert [answer.symbol for answer in answers] == ["KO", "XYZ", "CLX"]
        assert [answer.chain is None for answer in answers] == [False, True, False]
        error = answers[1].error
        assert error is not None
        assert (error.stage, error.code) == ("source", "unknown_symbol")
        assert "'XYZ'" in error.message

    def test_outside_trading_hours_it_gives_the_newest_close(self) -> None:
        """2026-03-01 was a Sunday; the session before it ended on 2026-02-27 at 21:00 UTC."""
        answer = next(iter(simulated.SimulatedSource().chains(["KO"], datetime(2026, 3, 1, 12, tzinfo=UTC))))
        assert answer.chain is not None
        assert answer.chain["quote_time"].unique().to_list() == [datetime(2026, 2, 27, 21, tzinfo=UTC)]

    def test_a_moment_outside_the_simulated_years_is_said_so(self) -> None:
        answer = next(iter(simulated.SimulatedSource().chains(["KO"], datetime(2010, 3, 1, 18, tzinfo=UTC))))
        assert answer.error is not None
        assert answer.error.code == "outside_simulation"

    def test_a_misspelt_scenario_and_an_unknown_history_symbol_are_errors(self) -> None:
        with pytest.raises(UsageError, match="goog-235"):
            list(simulated.sessions("goog-325"))
        with pytest.raises(SourceError, match="XYZ"):
            list(simulated.sessions(["XYZ"], date(2025, 3, 3), date(2025, 3, 4)))


class TestGoogStory:
    CONTRACT = "GOOG250912C00235000"

    def test_the_spot_gains_nine_to_eleven_per_cent_in_the_week(self, goog: list[pl.DataFrame]) -> None:
        closes = {frame["session_date"][0]: frame.filter(pl.col("underlying") == "GOOG")["spot"][0] for frame in goog}
        assert closes[date(2025, 9, 5)] / closes[date(2025, 8, 29)] - 1 == pytest.approx(0.10, abs=0.011)

    def test_the_235_call_builds_up_over_days_and_opens_positions(self, goog: list[pl.DataFrame]) -> None:
        traded = list(volumes(goog, self.CONTRACT).values())[-4:]
        assert traded == sorted(traded)
        assert traded[-1] > 40_000
        row = goog[-1].filter(pl.col("contract") == self.CONTRACT)
        assert row["open_interest"][0] > 0.5 * sum(traded[:3])

    def test_everything_after_mid_september_is_quiet(self, goog: list[pl.DataFrame]) -> None:
        late = [
            frame.filter((pl.col("underlying") == "GOOG") & (pl.col("expiry") > date(2025, 9, 15)))["volume"].sum()
            for frame in goog
        ]
        assert max(late[-4:]) < 1.5 * float(np.median(late[:-4]))

    def test_volatility_lifts_only_slightly(self, goog: list[pl.DataFrame]) -> None:
        def near_money(frame: pl.DataFrame) -> float:
            row = frame.filter((pl.col("underlying") == "GOOG") & (pl.col("expiry") == date(2025, 10, 17)))
            return row.sort((pl.col("strike") - pl.col("spot")).abs())["vendor_iv"][0]

        before, after = (near_money(frame) for frame in (goog[-5], goog[-1]))
        assert 0 < after - before < 0.03


class TestNvdaStory:
    PUTS = ("NVDA240621P00135000", "NVDA240621P00130000")

    def test_the_put_call_ratio_goes_from_058_to_070(self, nvda: list[pl.DataFrame]) -> None:
        assert nvda[-2]["session_date"][0] == date(2024, 6, 18)
        assert round(put_call_ratio(nvda[-2], "NVDA"), 2) == 0.58
        assert round(put_call_ratio(nvda[-1], "NVDA"), 2) == 0.70

    def test_without_the_two_strikes_the_ratio_would_not_have_risen(self, nvda: list[pl.DataFrame]) -> None:
        assert put_call_ratio(nvda[-1], "NVDA", leave_out=self.PUTS) < 0.58

    def test_both_strikes_trade_far_beyond_everything_they_traded_before(self, nvda: list[pl.DataFrame]) -> None:
        for contract in self.PUTS:
            *history, last = volumes(nvda, contract).values()
            assert last > 5 * max(history)

    def test_such_a_move_of_a_ratio_alone_is_nothing_rare(self, nvda: list[pl.DataFrame]) -> None:
        names = nvda[0]["underlying"].unique()
        ratios = np.array([[put_call_ratio(frame, name) for name in names] for frame in nvda[:-1]])
        assert 0.2 < (np.abs(np.diff(ratios, axis=0)) >= 0.12).mean() < 0.7
