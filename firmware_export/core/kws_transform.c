#include "kws_transform.h"

#include "kws_fixed_point.h"
#include "kws_frontend_config.h"

/* In firmware the plan is one, and known here; loops then have constant bounds and addresses constant offsets. */
#if KWS_FRONTEND_FIXED_PLAN
#define PLAN_POINTS(tables) (KWS_FRONTEND_TRANSFORM_LENGTH / 2u)
#define PLAN_FIRST_RADIX(tables) (KWS_FRONTEND_WITH_RADIX5 ? 5u : 4u)
#define PLAN_RADIX4_PASSES(tables) KWS_FRONTEND_RADIX4_PASSES
#define PLAN_RADIX2_PASSES(tables) KWS_FRONTEND_WITH_RADIX2
#else
#define PLAN_POINTS(tables) ((uint32_t)(tables)->points)
#define PLAN_FIRST_RADIX(tables) ((uint32_t)(tables)->first_radix)
#define PLAN_RADIX4_PASSES(tables) ((uint32_t)(tables)->radix4_passes)
#define PLAN_RADIX2_PASSES(tables) ((uint32_t)(tables)->radix2_passes)
#endif

/* Samples 2n and 2n + 1 of the frame, after pre-emphasis and window, as one complex point.
 * pair points at sample 2n - 1, window at the weight of sample 2n. */
#if defined(KWS_TRANSFORM_OF_LANES)
/* the file that includes this one brings both definitions */
#elif KWS_FRONTEND_USE_DSP

typedef int16x2_t kws_gains;

static inline kws_gains gains_of(const kws_transform_tables *tables) {
  return (int32_t)(((uint32_t)tables->sample_gain << 16) | (uint16_t)-tables->previous_gain);
}

static inline kws_complex windowed_point(const int16_t *pair, const int16_t *window, kws_gains gains) {
  const int32_t weights = kws_load_pair(window);
  const kws_complex point = {kws_multiply_q16_low(__smuad(kws_load_pair(pair), gains), weights),
                             kws_multiply_q16_high(__smuad(kws_load_pair(pair + 1), gains), weights)};
  return point;
}

#else

typedef struct {
  int32_t sample;
  int32_t previous;
} kws_gains;

static inline kws_gains gains_of(const kws_transform_tables *tables) {
  const kws_gains gains = {tables->sample_gain, tables->previous_gain};
  return gains;
}

static inline kws_complex windowed_point(const int16_t *pair, const int16_t *window, kws_gains gains) {
  const int32_t even = gains.sample * pair[1] - gains.previous * pair[0];
  const int32_t odd = gains.sample * pair[2] - gains.previous * pair[1];
  const kws_complex point = {kws_multiply_q16(even, window[0]), kws_multiply_q16(odd, window[1])};
  return point;
}

#endif

/* value times a Q31 rotation, halved */
static inline kws_complex rotated(kws_complex value, kws_rotation rotation) {
  const kws_complex result = {
      kws_subtract_multiply_high(kws_multiply_high(value.re, rotation.re), value.im, rotation.im),
      kws_add_multiply_high(kws_multiply_high(value.re, rotation.im), value.im, rotation.re)};
  return result;
}

#if KWS_FRONTEND_WITH_RADIX2

/* value times the conjugate of a Q31 rotation, halved */
static inline kws_complex rotated_back(kws_complex value, kws_rotation rotation) {
  const kws_complex result = {
      kws_add_multiply_high(kws_multiply_high(value.re, rotation.re), value.im, rotation.im),
      kws_subtract_multiply_high(kws_multiply_high(value.im, rotation.re), value.re, rotation.im)};
  return result;
}

#endif

static inline kws_complex halved(kws_complex value) {
  const kws_complex result = {value.re >> 1, value.im >> 1};
  return result;
}

/* Four points into out[0], out[step], out[2 * step], out[3 * step]. */
static inline KWS_ALWAYS_INLINE void butterfly4(kws_complex *out, uint32_t step, kws_complex a, kws_complex b,
                                                kws_complex c, kws_complex d) {
  const kws_complex t0 = {a.re + c.re, a.im + c.im};
  const kws_complex t1 = {a.re - c.re, a.im - c.im};
  const kws_complex t2 = {b.re + d.re, b.im + d.im};
  const kws_complex t3 = {b.re - d.re, b.im - d.im};
  kws_store_complex(out, 0, t0.re + t2.re, t0.im + t2.im);
  kws_store_complex(out, step, t1.re + t3.im, t1.im - t3.re);
  kws_store_complex(out, 2 * step, t0.re - t2.re, t0.im - t2.im);
  kws_store_complex(out, 3 * step, t1.re - t3.im, t1.im + t3.re);
}

static void first_pass_radix4(const kws_transform_tables *tables, const int16_t *samples, kws_complex *out) {
  const kws_gains gains = gains_of(tables);
  const uint32_t quarter = PLAN_POINTS(tables) / 4u;
  const uint32_t apart = 2u * quarter;
  for (uint32_t block = 0; block < quarter; ++block) {
    const uint32_t start = 2u * tables->order[block];
    const int16_t *pair = samples + start;
    const int16_t *window = tables->window + start;
    butterfly4(out, 1, windowed_point(pair, window, gains), windowed_point(pair + apart, window + apart, gains),
               windowed_point(pair + 2 * apart, window + 2 * apart, gains),
               windowed_point(pair + 3 * apart, window + 3 * apart, gains));
    out += 4;
  }
}

#if KWS_FRONTEND_WITH_RADIX5

/* Q31: twice the cosine of 72 degrees, the sines of 72 and 36 degrees */
#define RADIX5_COS 1327217885
#define RADIX5_SIN1 2042378317
#define RADIX5_SIN2 1262259218

static void first_pass_radix5(const kws_transform_tables *tables, const int16_t *samples, kws_complex *out) {
  const kws_gains gains = gains_of(tables);
  const uint32_t fifth = PLAN_POINTS(tables) / 5u;
  const uint32_t apart = 2u * fifth;
  for (uint32_t block = 0; block < fifth; ++block) {
    const uint32_t start = 2u * tables->order[block];
    const int16_t *pair = samples + start;
    const int16_t *window = tables->window + start;
    const kws_complex a = windowed_point(pair, window, gains);
    const kws_complex b = windowed_point(pair + apart, window + apart, gains);
    const kws_complex c = windowed_point(pair + 2 * apart, window + 2 * apart, gains);
    const kws_complex d = windowed_point(pair + 3 * apart, window + 3 * apart, gains);
    const kws_complex e = windowed_point(pair + 4 * apart, window + 4 * apart, gains);
    const kws_complex t1 = {b.re + e.re, b.im + e.im};
    const kws_complex t2 = {c.re + d.re, c.im + d.im};
    /* the constants halve what they multiply, so the differences are doubled */
    const kws_complex t3 = {2 * (b.re - e.re), 2 * (b.im - e.im)};
    const kws_complex t4 = {2 * (c.re - d.re), 2 * (c.im - d.im)};
    const kws_complex u = {kws_multiply_high(t1.re - t2.re, RADIX5_COS), kws_multiply_high(t1.im - t2.im, RADIX5_COS)};
    const kws_complex m1 = {a.re - (t2.re >> 1) + u.re, a.im - (t2.im >> 1) + u.im};
    const kws_complex m2 = {a.re - (t1.re >> 1) - u.re, a.im - (t1.im >> 1) - u.im};
    const kws_complex n1 = {kws_add_multiply_high(kws_multiply_high(t3.re, RADIX5_SIN1), t4.re, RADIX5_SIN2),
                            kws_add_multiply_high(kws_multiply_high(t3.im, RADIX5_SIN1), t4.im, RADIX5_SIN2)};
    const kws_complex n2 = {kws_subtract_multiply_high(kws_multiply_high(t3.re, RADIX5_SIN2), t4.re, RADIX5_SIN1),
                            kws_subtract_multiply_high(kws_multiply_high(t3.im, RADIX5_SIN2), t4.im, RADIX5_SIN1)};
    out[0].re = a.re + t1.re + t2.re;
    out[0].im = a.im + t1.im + t2.im;
    out[1].re = m1.re + n1.im;
    out[1].im = m1.im - n1.re;
    out[2].re = m2.re + n2.im;
    out[2].im = m2.im - n2.re;
    out[3].re = m2.re - n2.im;
    out[3].im = m2.im + n2.re;
    out[4].re = m1.re - n1.im;
    out[4].im = m1.im + n1.re;
    out += 5;
  }
}

#endif

/* Combine transforms of `span` points four at a time; returns the twiddles of the next pass. */
static inline KWS_ALWAYS_INLINE const kws_rotation *radix4_pass(kws_complex *points, uint32_t count, uint32_t span,
                                                                const kws_rotation *twiddles) {
  const kws_complex *end = points + count;
  const kws_rotation *rotation = twiddles;
  for (kws_complex *first = points; first != end; first += 3 * span) {
    const kws_complex *group_end = first + span;
    rotation = twiddles;
    butterfly4(first, span, halved(kws_load_complex(first, 0)), halved(kws_load_complex(first, span)),
               halved(kws_load_complex(first, 2 * span)), halved(kws_load_complex(first, 3 * span)));
    for (++first; first != group_end; ++first) {
      const kws_complex b = rotated(kws_load_complex(first, span), kws_walk_rotation(&rotation, 1));
      const kws_complex c = rotated(kws_load_complex(first, 2 * span), kws_walk_rotation(&rotation, 1));
      const kws_complex d = rotated(kws_load_complex(first, 3 * span), kws_walk_rotation(&rotation, 1));
      butterfly4(first, span, halved(kws_load_complex(first, 0)), b, c, d);
    }
  }
  return rotation;
}

/* Points k and count - k of the transform of even samples + i * odd samples, into bins k and count - k of the real
 * signal; rotation is exp(-pi i k / count). */
static inline KWS_ALWAYS_INLINE void split_pair(kws_complex *lower, kws_complex *upper, kws_complex a, kws_complex b,
                                                kws_rotation rotation) {
  const kws_complex even = {(a.re + b.re) >> 1, (a.im - b.im) >> 1};
  const kws_complex odd = {a.im + b.im, a.re - b.re};
  const kws_complex turned = {kws_add_multiply_high(kws_multiply_high(odd.re, rotation.re), odd.im, rotation.im),
                              kws_subtract_multiply_high(kws_multiply_high(odd.re, rotation.im), odd.im, rotation.re)};
  kws_store_complex(lower, 0, even.re + turned.re, even.im + turned.im);
  kws_store_complex(upper, 0, even.re - turned.re, even.im - turned.im);
}

/* Point 0, which is bins 0 and count. */
static inline KWS_ALWAYS_INLINE void split_zero(kws_complex *bins, uint32_t count, kws_complex zero) {
  kws_store_real(bins, 0, zero.re + zero.im);
  kws_store_real(bins, count, zero.re - zero.im);
}

#if KWS_FRONTEND_WITH_RADIX2

/* Combine two transforms of half the points, and split at once: points k, half - k, half + k and count - k make the
 * bins of the same numbers. The rotation of half - k is the conjugate of that of k, negated. */
static void radix2_pass_and_split(kws_complex *bins, uint32_t count, const kws_rotation *twiddles) {
  const uint32_t half = count / 2u;
  const uint32_t quarter = count / 4u;
  {
    const kws_complex a = halved(kws_load_complex(bins, 0));
    const kws_complex b = halved(kws_load_complex(bins, half));
    const kws_complex zero = {a.re + b.re, a.im + b.im};
    split_zero(bins, count, zero);
    kws_store_complex(bins, half, a.re - b.re, a.im - b.im);
  }
  {
    const kws_complex a = halved(kws_load_complex(bins, quarter));
    const kws_complex b = halved(kws_load_complex(bins, half + quarter));
    const kws_complex low = {a.re + b.im, a.im - b.re};
    const kws_complex high = {a.re - b.im, a.im + b.re};
    split_pair(bins + quarter, bins + half + quarter, low, high, kws_load_rotation(twiddles, quarter));
  }
  kws_complex *lower = bins + 1;
  kws_complex *upper = bins + half - 1;
  const kws_rotation *falling = twiddles + half - 1;
  const kws_rotation *even = twiddles + 2;
  for (++twiddles; lower != upper; ++lower, --upper) {
    const kws_rotation rotation = kws_walk_rotation(&even, 2);
    const kws_complex a = halved(kws_load_complex(lower, 0));
    const kws_complex b = rotated(kws_load_complex(lower, half), rotation);
    const kws_complex c = halved(kws_load_complex(upper, 0));
    const kws_complex d = rotated_back(kws_load_complex(upper, half), rotation);
    const kws_complex z0 = {a.re + b.re, a.im + b.im};
    const kws_complex z1 = {c.re - d.re, c.im - d.im};
    const kws_complex z2 = {a.re - b.re, a.im - b.im};
    const kws_complex z3 = {c.re + d.re, c.im + d.im};
    split_pair(lower, upper + half, z0, z3, kws_walk_rotation(&twiddles, 1));
    split_pair(upper, lower + half, z1, z2, kws_walk_rotation(&falling, -1));
  }
}

#endif

#if !KWS_FRONTEND_FIXED_PLAN || !KWS_FRONTEND_WITH_RADIX2

static void split(kws_complex *bins, uint32_t count, const kws_rotation *twiddles) {
  kws_complex *lower = bins + 1;
  kws_complex *upper = bins + count - 1;
  split_zero(bins, count, kws_load_complex(bins, 0));
  for (++twiddles; lower != upper; ++lower, --upper) {
    split_pair(lower, upper, kws_load_complex(lower, 0), kws_load_complex(upper, 0), kws_walk_rotation(&twiddles, 1));
  }
}

#endif

void kws_transform(const kws_transform_tables *tables, const int16_t *samples, kws_complex *bins) {
  const uint32_t points = PLAN_POINTS(tables);
  const uint32_t first_radix = PLAN_FIRST_RADIX(tables);
  const uint32_t radix4_passes = PLAN_RADIX4_PASSES(tables);
  const kws_rotation *twiddles = tables->radix4_twiddles;
#if KWS_FRONTEND_WITH_RADIX5
  if (first_radix == 5) {
    first_pass_radix5(tables, samples, bins);
  } else
#endif
  {
    first_pass_radix4(tables, samples, bins);
  }
  /* one call for each pass, so that a compiler which knows the plan knows the span of each */
  if (radix4_passes > 0) twiddles = radix4_pass(bins, points, first_radix, twiddles);
  if (radix4_passes > 1) twiddles = radix4_pass(bins, points, 4 * first_radix, twiddles);
  if (radix4_passes > 2) twiddles = radix4_pass(bins, points, 16 * first_radix, twiddles);
  if (radix4_passes > 3) twiddles = radix4_pass(bins, points, 64 * first_radix, twiddles);
  (void)twiddles;
#if KWS_FRONTEND_WITH_RADIX2
  if (PLAN_RADIX2_PASSES(tables) != 0) {
    radix2_pass_and_split(bins, points, tables->split_twiddles);
    return;
  }
#endif
#if !KWS_FRONTEND_FIXED_PLAN || !KWS_FRONTEND_WITH_RADIX2
  split(bins, points, tables->split_twiddles);
#endif
}
