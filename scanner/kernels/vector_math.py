"""Elementary functions without branches, which LLVM can turn into vector instructions inside a numba loop.

``math.exp`` and its like are library calls, and a loop that makes them is run one row at a time. These are polynomials
(Chebyshev interpolations, computed to fifty digits and rounded) after a range reduction with integer arithmetic; their
relative errors are below 4e-16 on the stated ranges, except :func:`rough_log`.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import extending, types

from scanner.kernels.compile import kernel

_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it leaves a rounded integer in the low bits
_ROUNDER_BITS = 0x4338000000000000
_PER_LN2 = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_EXPONENT = 52

# Untyped on purpose: a call leaves out the typing context that the definition takes.
intrinsic: Any = extending.intrinsic


@intrinsic
def bits_of(_: Any, value: Any) -> Any:
    """The bits of a float64 as an int64."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@intrinsic
def from_bits(_: Any, value: Any) -> Any:
    """The float64 that an int64's bits are."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.int64), generate


@intrinsic
def prefer_wide_vectors(_: Any) -> Any:
    """Let the enclosing function use 512-bit vectors where the processor has them; LLVM stays at 256 unless told.

    A function attribute, so that neither the environment nor any other code of the process is touched; the function is
    kept out of its callers, which do not have it.
    """

    def generate(context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        # llvmlite's own method knows a fixed list of attributes, without this one.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


vectorised = kernel(error_model="numpy", fastmath={"contract"})
inlined = kernel(error_model="numpy", fastmath={"contract"}, forceinline=True)
scalar = kernel(error_model="numpy")


@inlined
def exp(x: float) -> float:
    """e**x for -708 <= x <= 709."""
    rounded = x * _PER_LN2 + _ROUNDER
    n = rounded - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = 2.5114995951301997e-08
    p = p * r + 2.7632791582662336e-07
    p = p * r + 2.7557224578181578e-06
    p = p * r + 2.4801485070974322e-05
    p = p * r + 1.98412699096288e-04
    p = p * r + 1.3888888952699812e-03
    p = p * r + 8.333333333309335e-03
    p = p * r + 4.166666666648665e-02
    p = p * r + 1.6666666666666702e-01
    p = p * r + 0.5000000000000019
    p = p * r + 1.0
    p = p * r + 1.0
    result: float = from_bits(bits_of(p) + ((bits_of(rounded) - _ROUNDER_BITS) << _EXPONENT))
    return result


@inlined
def log(x: float) -> float:
    """Natural logarithm of a positive normal number."""
    bits = bits_of(x)
    exponent = (bits - _ROOT_HALF_BITS) >> _EXPONENT
    n = from_bits(exponent + _ROUNDER_BITS) - _ROUNDER
    f = from_bits(bits - (exponent << _EXPONENT)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 0.13087358019991335
    p = p * z + 0.13268698800146927
    p = p * z + 0.1538624266836552
    p = p * z + 0.18181795581488394
    p = p * z + 0.22222222392309024
    p = p * z + 0.2857142857080074
    p = p * z + 0.40000000000000885
    p = p * z + 0.6666666666666666
    half_square = 0.5 * f * f
    result: float = n * _LN2_HIGH - ((half_square - (s * (half_square + p * z) + n * _LN2_LOW)) - f)
    return result


@inlined
def rough_log(x: float) -> float:
    """Natural logarithm of a positive normal number to a relative 2e-7, without a division."""
    bits = bits_of(x)
    exponent = (bits - _ROOT_HALF_BITS) >> _EXPONENT
    n = from_bits(exponent + _ROUNDER_BITS) - _ROUNDER
    f = from_bits(bits - (exponent << _EXPONENT)) - 1.0
    p = -0.1013405675118566
    p = p * f + 0.16234189799212534
    p = p * f - 0.17247013303835
    p = p * f + 0.19898565048233238
    p = p * f - 0.24970071685057207
    p = p * f + 0.333351141403469
    p = p * f - 0.5000036309272979
    p = p * f + 0.9999999425426718
    result: float = n * (_LN2_HIGH + _LN2_LOW) + p * f
    return result


@inlined
def mills_polynomial(w: float) -> float:
    """The scaled normal tail 2 exp(u*u/2) Phi(-u) divided by w = 1/(u + 5), for 0 <= u <= 8."""
    y = 16.25 * w - 2.25
    p = -2.2656077848799558e-10
    p = p * y + 6.666105426837738e-10
    p = p * y + 5.256822089421695e-09
    p = p * y - 1.9644816088465033e-08
    p = p * y - 1.1643823075714908e-07
    p = p * y + 4.3764606466557363e-07
    p = p * y + 3.2113264787784607e-06
    p = p * y - 6.528498854656409e-06
    p = p * y - 1.0269137904401578e-04
    p = p * y - 1.5576953398578413e-04
    p = p * y + 2.487805211992648e-03
    p = p * y + 2.15909659159966e-02
    p = p * y + 9.988035618818482e-02
    p = p * y + 3.239718908152944e-01
    p = p * y + 7.953613229066714e-01
    p = p * y + 1.5160059218721664
    return p * y + 2.2409632079152098
