"""Greeks of American options with a continuous yield, by differentiating the premium's integral.

With u the time to a possible exercise, s and k spot and strike of the contract folded to a put, B(u) the boundary, d+-
the usual terms of s / B and W = exp(-r u) phi(d-), the premium's integrand r k exp(-r u) Phi(-d-) - q s exp(-q u)
Phi(-d+) has the derivatives

    by s                 -(r k - q B) W / (s v sqrt(u)) - q exp(-q u) Phi(-d+)
    by s, twice          ((r k - q B) d- + r k v sqrt(u)) W / (s v sqrt(u))**2
    by the volatility    (r k d+ - q B d-) W / v + (r k - q B) W (d ln B / dv) / (v sqrt(u))

and likewise by r and q (I. J. Kim, 1990, with s exp(-q u) phi(d+) = B exp(-r u) phi(d-)). The boundary's own
derivatives are those of the table's interpolation, which is of fifth degree here. Theta is the pricing equation's. A
call is folded as its price is, and its greeks are the put's by the strike: prices are homogeneous in spot and strike.

Against high-order differences of converged prices the greeks are right to 5e-6 of themselves at the 99th percentile,
rho to 4e-5 and at most 1e-4; what is left grows where the contract is all but exercised.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import exp, inlined, log, prefer_wide_vectors, scalar, vectorised
from scanner.pricing.arrays import DAYS_PER_YEAR, PER_POINT, Floats, Greeks, part_of_greeks
from scanner.pricing.boundary import COEFFICIENTS, LOG_A, LONGEST, WIDEST, WING, table
from scanner.pricing.normalised import ROOT_TWO_PI
from scanner.pricing.premium import LEAST_RATE, VECTOR, Contracts, part, tail

_TABLE = table()
_POINTS = 6
# Nodes of the integral and how far their angles are drawn to zero: in general, and out of the money, where the boundary
# is far away and the integrand smooth. There the short rule is as good: to 1e-6 of every greek, rho to 1e-4.
_NODES, _POWER = 32, 2.0
_SHORT_NODES, _SHORT_POWER = 20, 1.0
_BLOCK = 64
_STEP_LOG_A = float(LOG_A[1] - LOG_A[0])
_MIDDLE = WING.size // 2
# The ratio less one below one, one less its inverse above: the second axis is its root.
_MOVED = WING * np.abs(WING)
_LARGEST_RATIO = 400.0
# Below this the table's H is rounding, and its root has no derivative.
_LEAST_H = 1e-6


def _rule(nodes: int, power: float) -> Floats:
    """Sines, cosines and weights in u = years * sin(angle)**2, with the angles drawn to zero, where s may be near B."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    x = 0.5 * (points + 1.0)
    angles = 0.5 * math.pi * x**power
    sines, cosines = np.sin(angles), np.cos(angles)
    return np.stack((sines, cosines, 0.5 * math.pi * power * x ** (power - 1.0) * weights * sines * cosines))


_RULE, _SHORT_RULE = _rule(_NODES, _POWER), _rule(_SHORT_NODES, _SHORT_POWER)

# Rows of the scratch array: the contract folded to a put; its value and derivatives; what a node hands on.
_SIDE, _S, _K, _T, _R, _Q, _V, _LN, _LIMIT, _LIMIT_SLOPE, _EARLY = range(11)
_VALUE, _BY_S, _BY_SS, _BY_V, _BY_X, _SHARE, _X = range(11, 18)
_TERMS = 18
# Contracts without a volatility, never exercised early, out of the money, and the rest.
_UNKNOWN, _HELD, _FAR, _NEAR = range(4)
# Series by contract: H, its derivative by the series' own variable, and by volatility and rate through the other axes.
_H, _OWN, _THROUGH_V, _THROUGH_X = range(4)


def _inverses(nodes: Floats) -> Floats:
    """For each run of six nodes what its Lagrange weights are divided by, upside down; shape (runs, 6)."""
    runs = np.lib.stride_tricks.sliding_window_view(nodes, _POINTS)
    apart = runs[:, :, None] - runs[:, None, :] + np.eye(_POINTS)
    return np.ascontiguousarray(1.0 / apart.prod(axis=2))


_OF_LOG_A, _OF_MOVED = _inverses(LOG_A), _inverses(_MOVED)


@scalar
def _weights(at: float, nodes: Floats, inverses: Floats, weights: Floats) -> None:
    """Weights of the interpolation through six nodes: products over the others, from the left and from the right."""
    before, after = 1.0, 1.0
    for i in range(_POINTS):
        weights[i] = before * inverses[i]
        before *= at - nodes[i]
    for i in range(_POINTS - 1, -1, -1):
        weights[i] *= after
        after *= at - nodes[i]


@scalar
def _slopes(at: float, nodes: Floats, inverses: Floats, slopes: Floats) -> None:
    """Derivatives of those weights."""
    for i in range(_POINTS):
        slope = 0.0
        for j in range(_POINTS):
            if j == i:
                continue
            others = 1.0
            for k in range(_POINTS):
                if k not in (i, j):
                    others *= at - nodes[k]
            slope += others
        slopes[i] = slope * inverses[i]


@scalar
def _as_scalars(weights: Floats) -> tuple[float, float, float, float, float, float]:
    """Six weights that need not be looked up in memory again."""
    return weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]


@scalar
def _look_up(terms: Floats, series: Floats, whole: bool) -> None:
    """The four series of every contract, or the first alone."""
    weights, slopes, found = np.empty((2, _POINTS)), np.empty((2, _POINTS)), np.empty((2, COEFFICIENTS))
    for row in range(terms.shape[1]):
        rate, paid, vol = max(terms[_R, row], LEAST_RATE), terms[_Q, row], terms[_V, row]
        log_a = min(max(math.log(2.0 * rate / (vol * vol)), LOG_A[0]), LOG_A[-1])
        first = min(max(int((log_a - LOG_A[0]) / _STEP_LOG_A) - 2, 0), LOG_A.size - _POINTS)
        _weights(log_a, LOG_A[first:], _OF_LOG_A[first], weights[0])
        ratio = min(max(paid / rate, 0.0), _LARGEST_RATIO)
        moved = ratio - 1.0 if ratio <= 1.0 else 1.0 - 1.0 / ratio
        lowest = 0 if moved <= 0.0 else _MIDDLE
        wing = (1.0 + math.copysign(math.sqrt(abs(moved)), moved)) * _MIDDLE
        start = min(max(int(wing) - 2, lowest), lowest + _MIDDLE + 1 - _POINTS)
        _weights(moved, _MOVED[start:], _OF_MOVED[start], weights[1])
        nodes = _TABLE[first : first + _POINTS, start : start + _POINTS]
        by_a, by_moved = _as_scalars(weights[0]), _as_scalars(weights[1])
        # The coefficients outside, so that they become vectors, and their sums stay in registers.
        for k in range(COEFFICIENTS):
            total = 0.0
            for i in range(_POINTS):
                mixed = 0.0
                for j in range(_POINTS):
                    mixed += by_moved[j] * nodes[i, j, k]
                total += by_a[i] * mixed
            series[_H, k, row] = total
        if not whole:
            continue
        _slopes(log_a, LOG_A[first:], _OF_LOG_A[first], slopes[0])
        _slopes(moved, _MOVED[start:], _OF_MOVED[start], slopes[1])
        moved_slopes = _as_scalars(slopes[1])
        by_ratio = 1.0 if ratio <= 1.0 else 1.0 / (ratio * ratio)
        put = terms[_SIDE, row] < 0.0
        by_x = -paid / (rate * rate) if put else 1.0 / rate
        found[:] = 0.0
        for i in range(_POINTS):
            line, own, slope = nodes[i], weights[0, i], slopes[0, i]
            by_vol = -2.0 / vol * slope
            for k in range(COEFFICIENTS):
                mixed, steep = 0.0, 0.0
                for j in range(_POINTS):
                    mixed += by_moved[j] * line[j, k]
                    steep += moved_slopes[j] * line[j, k]
                found[0, k] += by_vol * mixed
                found[1, k] += (slope * mixed / rate if put else 0.0) + own * steep * by_ratio * by_x
        for k in range(COEFFICIENTS):
            series[_THROUGH_V, k, row], series[_THROUGH_X, k, row] = found[0, k], found[1, k]
        # Coefficients of the derivative, by their recurrence.
        for k in range(COEFFICIENTS - 1, -1, -1):
            after = series[_OWN, k + 2, row] if k + 2 < COEFFICIENTS else 0.0
            following = 2.0 * (k + 1) * series[_H, k + 1, row] if k + 1 < COEFFICIENTS else 0.0
            series[_OWN, k, row] = after + following
        series[_OWN, 0, row] *= 0.5


@vectorised
def _fold(contracts: Contracts, volatility: Floats, terms: Floats) -> None:
    """Every contract as a put, with its European value and derivatives."""
    prefer_wide_vectors()
    sign, spot, strike, years, rate, dividend_yield = contracts
    for row in range(volatility.shape[0]):
        call = sign[row] > 0
        s, k = (strike[row], spot[row]) if call else (spot[row], strike[row])
        r, q = (dividend_yield[row], rate[row]) if call else (rate[row], dividend_yield[row])
        t, v = years[row], volatility[row]
        terms[_SIDE, row] = 1.0 if call else -1.0
        terms[_S, row], terms[_K, row], terms[_T, row], terms[_R, row], terms[_Q, row] = s, k, t, r, q
        terms[_V, row], terms[_LN, row] = v, log(s / k)
        paid_more = (q > r) & (r > LEAST_RATE)
        terms[_LIMIT, row] = log(max(r, LEAST_RATE) / max(q, LEAST_RATE)) if paid_more else 0.0
        slope = -1.0 / q if call else 1.0 / r
        terms[_LIMIT_SLOPE, row] = slope if paid_more else 0.0
        terms[_EARLY, row] = 1.0 if r > LEAST_RATE else 0.0
        deviation = v * math.sqrt(t)
        d1 = (terms[_LN, row] + (r - q) * t) / deviation + 0.5 * deviation
        held, owed = s * exp(-q * t), k * exp(-r * t)
        given, received = held * tail(d1), owed * tail(d1 - deviation)
        weight = held * _density(d1)
        terms[_VALUE, row], terms[_BY_S, row] = received - given, -given / s
        terms[_BY_SS, row], terms[_BY_V, row] = weight / (s * s * deviation), weight * math.sqrt(t)
        terms[_BY_X, row] = t * given if call else -t * received


@inlined
def _density(d: float) -> float:
    """The normal density, zero from 37 deviations on."""
    bounded = min(abs(d), 37.0)
    return exp(-0.5 * bounded * bounded) / ROOT_TWO_PI


@vectorised
def _place(terms: Floats, cosine: float) -> None:
    """Where a node is on the series."""
    prefer_wide_vectors()
    for row in range(terms.shape[1]):
        left, v = terms[_T, row] * cosine * cosine, terms[_V, row]
        share = math.sqrt(left * (v * v / (WIDEST * WIDEST) + max(terms[_R, row], LEAST_RATE) / LONGEST))
        terms[_SHARE, row] = share
        terms[_X, row] = 2.0 * math.sqrt(min(share, 1.0)) - 1.0


@vectorised
def _sum_series(terms: Floats, series: Floats, sums: Floats, before: Floats) -> None:
    """The sums of one series of each contract, by Clenshaw's rule. ``before`` is room to work in."""
    prefer_wide_vectors()
    sums[:], before[:] = 0.0, 0.0
    # Four orders a pass: sums on their way through memory cost more than the arithmetic.
    for k in range(COEFFICIENTS - 1, 0, -4):
        for row in range(sums.shape[0]):
            twice = 2.0 * terms[_X, row]
            first = series[k, row] + twice * sums[row] - before[row]
            second = series[k - 1, row] + twice * first - sums[row]
            third = series[k - 2, row] + twice * second - first
            sums[row] = series[k - 3, row] + twice * third - second
            before[row] = third
    for row in range(sums.shape[0]):
        sums[row] = series[0, row] + terms[_X, row] * sums[row] - before[row]


@vectorised
def _add_node_by_rest(terms: Floats, sums: Floats, sine: float, cosine: float, weight: float) -> None:
    """Add one node of the integrals of the derivatives by volatility and rate."""
    prefer_wide_vectors()
    for row in range(terms.shape[1]):
        s, k, t, r = terms[_S, row], terms[_K, row], terms[_T, row], terms[_R, row]
        q, v, share = terms[_Q, row], terms[_V, row], terms[_SHARE, row]
        call = terms[_SIDE, row] > 0.0
        u, left = t * sine * sine, t * cosine * cosine
        gap = math.sqrt(max(sums[_H, row], 0.0))
        half = 0.5 / gap if sums[_H, row] > _LEAST_H else 0.0
        own = sums[_OWN, row] / math.sqrt(share) / share if share < 1.0 else 0.0
        gap_v = half * (sums[_THROUGH_V, row] + own * left * v / (WIDEST * WIDEST))
        gap_x = half * (sums[_THROUGH_X, row] + (0.0 if call else own * left / (2.0 * LONGEST)))
        width = v * math.sqrt(t) * sine
        d1 = (terms[_LN, row] - terms[_LIMIT, row] + gap + (r - q) * u) / width + 0.5 * width
        d2 = d1 - width
        boundary = k * exp(terms[_LIMIT, row] - gap)
        discount = exp(-r * u)
        density = discount * _density(d2)
        received, given = discount * tail(d2), exp(-q * u) * tail(d1)
        net = r * k - q * boundary
        step = weight * t * terms[_EARLY, row]
        terms[_BY_V, row] += step * density * ((r * k * d1 - q * boundary * d2) / v - net * gap_v / width)
        drift = -u if call else u
        direct = -s * given * (1.0 - q * u) if call else k * received * (1.0 - r * u)
        moved = net * density * (drift + gap_x - terms[_LIMIT_SLOPE, row]) / width
        terms[_BY_X, row] += step * (direct - moved)


@vectorised
def _add_node_by_spot(terms: Floats, sums: Floats, sine: float, weight: float) -> None:
    """Add one node of the integrals of the value and of its derivatives by spot."""
    prefer_wide_vectors()
    for row in range(terms.shape[1]):
        s, k, t, r = terms[_S, row], terms[_K, row], terms[_T, row], terms[_R, row]
        q, v = terms[_Q, row], terms[_V, row]
        u = t * sine * sine
        gap = math.sqrt(max(sums[_H, row], 0.0))
        width = v * math.sqrt(t) * sine
        d1 = (terms[_LN, row] - terms[_LIMIT, row] + gap + (r - q) * u) / width + 0.5 * width
        d2 = d1 - width
        boundary = k * exp(terms[_LIMIT, row] - gap)
        discount = exp(-r * u)
        density = discount * _density(d2)
        received, given = discount * tail(d2), exp(-q * u) * tail(d1)
        net = r * k - q * boundary
        step = weight * t * terms[_EARLY, row]
        terms[_VALUE, row] += step * (r * k * received - q * s * given)
        terms[_BY_S, row] -= step * (net * density / (s * width) + q * given)
        terms[_BY_SS, row] += step * (net * d2 + r * k * width) * density / (s * s * width * width)


@scalar
def _finish(terms: Floats, edge: Floats, price: Floats, greeks: Greeks) -> None:
    """From the put's derivatives to the contract's greeks; ``edge`` is H of the boundary today."""
    for row in range(price.shape[0]):
        s, k, r, q = terms[_S, row], terms[_K, row], terms[_R, row], terms[_Q, row]
        value, by_s, by_ss = terms[_VALUE, row], terms[_BY_S, row], terms[_BY_SS, row]
        call = terms[_SIDE, row] > 0.0
        distance = terms[_LN, row] - terms[_LIMIT, row] + math.sqrt(max(edge[row], 0.0))
        if terms[_EARLY, row] > 0.0 and distance <= 0.0:
            price[row], greeks.delta[row] = k - s, terms[_SIDE, row]
            greeks.gamma[row] = greeks.vega[row] = greeks.theta[row] = greeks.rho[row] = 0.0
        else:
            price[row] = value
            greeks.delta[row] = (value - s * by_s) / k if call else by_s
            greeks.gamma[row] = max(by_ss * ((s / k) ** 2 if call else 1.0), 0.0)
            greeks.vega[row], greeks.rho[row] = terms[_BY_V, row] * PER_POINT, terms[_BY_X, row] * PER_POINT
            decay = r * value - (r - q) * s * by_s - 0.5 * (terms[_V, row] * s) ** 2 * by_ss
            greeks.theta[row] = decay / DAYS_PER_YEAR
        if not (terms[_T, row] > 0.0 and terms[_V, row] > 0.0 and s > 0.0 and k > 0.0) or math.isnan(r + q):
            price[row] = greeks.delta[row] = greeks.gamma[row] = math.nan
            greeks.vega[row] = greeks.theta[row] = greeks.rho[row] = math.nan


@scalar
def _block(contracts: Contracts, volatility: Floats, price: Floats, greeks: Greeks, whole: bool, kind: int) -> None:
    """Value and greeks of at most a block of contracts of one kind."""
    rows = volatility.shape[0]
    terms, series = np.empty((_TERMS, rows)), np.empty((4, COEFFICIENTS, rows))
    sums, room = np.empty((4, rows)), np.empty(rows)
    _fold(contracts, volatility, terms)
    if kind == _HELD:
        sums[_H, :] = 0.0
    else:
        _look_up(terms, series, whole)
        rule = _SHORT_RULE if kind == _FAR else _RULE
        for node in range(rule.shape[1]):
            _place(terms, rule[1, node])
            for one in range(4 if whole else 1):
                _sum_series(terms, series[one], sums[one], room)
            _add_node_by_spot(terms, sums, rule[0, node], rule[2, node])
            if whole:
                _add_node_by_rest(terms, sums, rule[0, node], rule[1, node], rule[2, node])
        _place(terms, 1.0)
        _sum_series(terms, series[_H], sums[_H], room)
    _finish(terms, sums[_H], price, greeks)
    if not whole:
        greeks.vega[:], greeks.rho[:] = math.nan, math.nan


@scalar
def _kinds(contracts: Contracts, volatility: Floats, kinds: NDArray[np.int8]) -> None:
    """Of which kind each contract is."""
    sign, spot, strike, _, rate, dividend_yield = contracts
    for row in range(kinds.shape[0]):
        paid = dividend_yield[row] if sign[row] > 0 else rate[row]
        if math.isnan(volatility[row]):
            kinds[row] = _UNKNOWN
        elif not paid > LEAST_RATE:
            kinds[row] = _HELD
        else:
            kinds[row] = _FAR if sign[row] * (spot[row] - strike[row]) < 0.0 else _NEAR


@scalar
def _fill(side: NDArray[np.int8], one: Floats, count: int) -> int:
    """Fill the last vector with its last contract, as those of prices are; how many there are then."""
    prefer_wide_vectors()
    filled = (count + VECTOR - 1) // VECTOR * VECTOR
    for i in range(count, filled):
        side[i] = side[count - 1]
        for column in range(6):
            one[column, i] = one[column, count - 1]
    return filled


@scalar
def greek_rows(contracts: Contracts, volatility: Floats, price: Floats, greeks: Greeks, whole: bool) -> None:
    """Value and greeks of any number of contracts, into ``price`` and ``greeks``; NaN where an input is missing.

    Vega and rho, which cost more than the others together, are NaN unless the ``whole`` of them is asked for. A third
    of a market's contracts have no volatility: blocks are made of those that have one, and of one kind.
    """
    sign, spot, strike, years, rate, dividend_yield = contracts
    side, one, rows = np.empty(_BLOCK, np.int8), np.empty((12, _BLOCK)), np.empty(_BLOCK, np.int64)
    found, kinds = Greeks(one[7], one[8], one[9], one[10], one[11]), np.empty(volatility.shape[0], np.int8)
    _kinds(contracts, volatility, kinds)
    for results in (price, greeks.delta, greeks.gamma, greeks.vega, greeks.theta, greeks.rho):
        results[:] = math.nan
    for kind in (_HELD, _FAR, _NEAR):
        count = 0
        for row in range(kinds.shape[0]):
            if kinds[row] == kind:
                side[count], one[0, count], one[1, count], one[2, count] = sign[row], spot[row], strike[row], years[row]
                one[3, count], one[4, count], one[5, count] = rate[row], dividend_yield[row], volatility[row]
                rows[count] = row
                count += 1
            if count == _BLOCK or (count > 0 and row + 1 == kinds.shape[0]):
                filled = _fill(side, one, count)
                some = part(Contracts(side, one[0], one[1], one[2], one[3], one[4]), 0, filled)
                _block(some, one[5, :filled], one[6, :filled], part_of_greeks(found, 0, filled), whole, kind)
                for i in range(count):
                    at = rows[i]
                    price[at], greeks.delta[at], greeks.gamma[at] = one[6, i], found.delta[i], found.gamma[i]
                    greeks.vega[at], greeks.theta[at], greeks.rho[at] = found.vega[i], found.theta[i], found.rho[i]
                count = 0
