"""The real transform in 32-bit integers: part of the specification, so each operation is defined to the last bit.

Arrays are int64 so that NumPy never wraps, but every value fits int32: `TransformPlan.largest_value` is the proof.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kws_edge.frontend.transform_plan import TransformPlan

Int64Array = NDArray[np.int64]

# radix 5: cos 72° with a factor of 2, sin 72° and sin 36° in Q31
RADIX5_COS = round(0.5 * (5**0.5 - 1) * 2**31)
RADIX5_SIN1 = round(0.9510565162951535 * 2**31)
RADIX5_SIN2 = round(0.5877852522924731 * 2**31)


def multiply_high(a: Int64Array, b: Int64Array | int) -> Int64Array:
    """Upper half of a 32x32-bit product, rounded half up: SMMULR."""
    return (a * b + (1 << 31)) >> 32


def negative_multiply_high(a: Int64Array, b: Int64Array | int) -> Int64Array:
    """Upper half of the negative product, rounded half up: what SMMLSR adds to its accumulator."""
    return ((1 << 31) - a * b) >> 32


def rotate(re: Int64Array, im: Int64Array, w_re: Int64Array, w_im: Int64Array) -> tuple[Int64Array, Int64Array]:
    """(re + i im) times a Q31 rotation, halved."""
    return (
        multiply_high(re, w_re) + negative_multiply_high(im, w_im),
        multiply_high(re, w_im) + multiply_high(im, w_re),
    )


def rotate_back(re: Int64Array, im: Int64Array, w_re: Int64Array, w_im: Int64Array) -> tuple[Int64Array, Int64Array]:
    """(re + i im) times the conjugate of a Q31 rotation, halved."""
    return (
        multiply_high(re, w_re) + multiply_high(im, w_im),
        multiply_high(im, w_re) + negative_multiply_high(re, w_im),
    )


def real_transform(samples: Int64Array, plan: TransformPlan) -> tuple[Int64Array, Int64Array]:
    """Bins 0 to N/2 of int64[frames, N] windowed samples: (re, im), int64[frames, N/2 + 1] each.

    The value is the discrete Fourier transform divided by ``2 ** plan.halvings``; the sign of an imaginary part is
    not specified, since only powers are used.
    """
    re, im = first_pass(samples, plan)
    start = 0
    for radix, span in list(zip(plan.radices, plan.spans(), strict=True))[1:]:
        if radix == 4:
            count = 3 * (span - 1)
            re, im = radix4_pass(re, im, span, plan.radix4_twiddles[start : start + count].astype(np.int64))
            start += count
        else:
            re, im = radix2_pass(re, im, plan.split_twiddles.astype(np.int64))
    return split(re, im, plan.split_twiddles.astype(np.int64))


def first_pass(samples: Int64Array, plan: TransformPlan) -> tuple[Int64Array, Int64Array]:
    """Transforms of 4 or 5 points that lie M/4 or M/5 apart, unscaled, in the order that decimation in time wants."""
    radix = plan.radices[0]
    indices = plan.order.astype(np.int64)[:, None] + np.arange(radix) * (plan.points // radix)
    re, im = samples[:, 0::2][:, indices], samples[:, 1::2][:, indices]
    a, b, c, d = (np.stack([re[..., q], im[..., q]]) for q in range(4))
    if radix == 4:
        t0, t1, t2, t3 = a + c, a - c, b + d, b - d
        outputs = [t0 + t2, t1 + _by_minus_i(t3), t0 - t2, t1 - _by_minus_i(t3)]
    else:
        e = np.stack([re[..., 4], im[..., 4]])
        t1, t2, t3, t4 = b + e, c + d, 2 * (b - e), 2 * (c - d)
        u = multiply_high(t1 - t2, RADIX5_COS)
        m1, m2 = a - (t2 >> 1) + u, a - (t1 >> 1) - u
        n1 = multiply_high(t3, RADIX5_SIN1) + multiply_high(t4, RADIX5_SIN2)
        n2 = multiply_high(t3, RADIX5_SIN2) + negative_multiply_high(t4, RADIX5_SIN1)
        n1, n2 = _by_minus_i(n1), _by_minus_i(n2)
        outputs = [a + t1 + t2, m1 + n1, m2 + n2, m2 - n2, m1 - n1]
    stacked = np.stack(outputs, axis=-1).reshape(2, len(samples), -1)
    return stacked[0], stacked[1]


def radix4_pass(re: Int64Array, im: Int64Array, span: int, twiddles: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Combine transforms of `span` points four at a time and halve; point 0 of each needs no rotation."""
    parts = np.stack([re, im]).reshape(2, len(re), -1, 4, span)
    a, b, c, d = (parts[:, :, :, q] for q in range(4))
    rotations = twiddles.reshape(span - 1, 3, 2)
    b, c, d = (
        np.concatenate(
            [
                part[..., :1] >> 1,
                np.stack(rotate(part[0, ..., 1:], part[1, ..., 1:], rotations[:, q, 0], rotations[:, q, 1])),
            ],
            axis=-1,
        )
        for q, part in enumerate((b, c, d))
    )
    a = a >> 1
    t0, t1, t2, t3 = a + c, a - c, b + d, b - d
    outputs = np.stack([t0 + t2, t1 + _by_minus_i(t3), t0 - t2, t1 - _by_minus_i(t3)], axis=3)
    stacked = outputs.reshape(2, len(re), -1)
    return stacked[0], stacked[1]


def radix2_pass(re: Int64Array, im: Int64Array, split_twiddles: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Combine two transforms of M/2 points and halve; rotation M/2 - j is the conjugate of rotation j, negated."""
    half = re.shape[1] // 2
    parts = np.stack([re, im]).reshape(2, len(re), 2, half)
    a, b = parts[:, :, 0] >> 1, parts[:, :, 1]
    w_re, w_im = split_twiddles[::2].T
    quarter = half // 2
    lower = np.stack(rotate(b[0, :, 1:quarter], b[1, :, 1:quarter], w_re[1:], w_im[1:]))
    upper = -np.stack(rotate_back(b[0, :, :quarter:-1], b[1, :, :quarter:-1], w_re[1:], w_im[1:]))[..., ::-1]
    middle = _by_minus_i(b[..., quarter : quarter + 1] >> 1)
    rotated = np.concatenate([b[..., :1] >> 1, lower, middle, upper], axis=-1)
    stacked = np.concatenate([a + rotated, a - rotated], axis=-1)
    return stacked[0], stacked[1]


def split(re: Int64Array, im: Int64Array, twiddles: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Bins 0 to N/2 of the real signal whose even samples are the real parts and odd samples the imaginary parts."""
    points = re.shape[1]
    half = points // 2
    k = np.arange(1, half)
    mirror = points - k
    sum_re, sum_im = re[:, k] + re[:, mirror], im[:, k] - im[:, mirror]
    odd_re, odd_im = im[:, k] + im[:, mirror], re[:, k] - re[:, mirror]
    w_re, w_im = twiddles[1:half].T
    t_re = multiply_high(odd_re, w_re) + multiply_high(odd_im, w_im)
    t_im = multiply_high(odd_re, w_im) + negative_multiply_high(odd_im, w_re)
    bins_re = np.empty((len(re), points + 1), np.int64)
    bins_im = np.zeros_like(bins_re)
    bins_re[:, 0], bins_re[:, points] = re[:, 0] + im[:, 0], re[:, 0] - im[:, 0]
    bins_re[:, half], bins_im[:, half] = re[:, half], im[:, half]
    bins_re[:, k], bins_im[:, k] = (sum_re >> 1) + t_re, (sum_im >> 1) + t_im
    bins_re[:, mirror], bins_im[:, mirror] = (sum_re >> 1) - t_re, (sum_im >> 1) - t_im
    return bins_re, bins_im


def _by_minus_i(value: Int64Array) -> Int64Array:
    """(re, im) stacked on the first axis, times -i."""
    return np.stack([value[1], -value[0]])
