#include "kws_transform.h"

/* Samples 2n and 2n + 1 of the frame, after pre-emphasis and window, as one complex point.
 * pair points at sample 2n - 1, window at the weight of sample 2n. */
#if KWS_FRONTEND_USE_DSP

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
static inline kws_complex rotated(kws_complex value, kws_complex rotation) {
  const kws_complex result = {
      kws_subtract_multiply_high(kws_multiply_high(value.re, rotation.re), value.im, rotation.im),
      kws_add_multiply_high(kws_multiply_high(value.re, rotation.im), value.im, rotation.re)};
  return result;
}

static inline kws_complex halved(kws_complex value) {
  const kws_complex result = {value.re >> 1, value.im >> 1};
  return result;
}

/* Four points that are already halved, into out[0], out[step], out[2 * step], out[3 * step]. */
static inline void butterfly4(kws_complex *out, uint32_t step, kws_complex a, kws_complex b, kws_complex c,
                              kws_complex d) {
  const kws_complex t0 = {a.re + c.re, a.im + c.im};
  const kws_complex t1 = {a.re - c.re, a.im - c.im};
  const kws_complex t2 = {b.re + d.re, b.im + d.im};
  const kws_complex t3 = {b.re - d.re, b.im - d.im};
  out[0].re = t0.re + t2.re;
  out[0].im = t0.im + t2.im;
  out[step].re = t1.re + t3.im;
  out[step].im = t1.im - t3.re;
  out[2 * step].re = t0.re - t2.re;
  out[2 * step].im = t0.im - t2.im;
  out[3 * step].re = t1.re - t3.im;
  out[3 * step].im = t1.im + t3.re;
}

static void first_pass_radix4(const kws_transform_tables *tables, const int16_t *samples, kws_complex *out) {
  const kws_gains gains = gains_of(tables);
  const uint32_t quarter = tables->points / 4u;
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
  const uint32_t fifth = tables->points / 5u;
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

/* Combine transforms of `span` points four at a time. */
static void radix4_pass(kws_complex *points, const kws_complex *end, uint32_t span, const kws_complex *twiddles) {
  for (kws_complex *first = points; first < end; first += 4 * span) {
    butterfly4(first, span, halved(first[0]), halved(first[span]), halved(first[2 * span]), halved(first[3 * span]));
  }
  for (uint32_t j = 1; j < span; ++j) {
    for (kws_complex *first = points + j; first < end; first += 4 * span) {
      butterfly4(first, span, halved(first[0]), rotated(first[span], twiddles[0]),
                 rotated(first[2 * span], twiddles[1]), rotated(first[3 * span], twiddles[2]));
    }
    twiddles += 3;
  }
}

#if KWS_FRONTEND_WITH_RADIX2

static inline void butterfly2(kws_complex *lower, kws_complex *upper, kws_complex rotated_upper) {
  const kws_complex a = halved(*lower);
  lower->re = a.re + rotated_upper.re;
  lower->im = a.im + rotated_upper.im;
  upper->re = a.re - rotated_upper.re;
  upper->im = a.im - rotated_upper.im;
}

static inline kws_complex by_minus_i(kws_complex value) {
  const kws_complex result = {value.im, -value.re};
  return result;
}

/* Combine two transforms of half the points. A rotation of the second quarter is one of the first, times -i. */
static void radix2_pass(kws_complex *points, uint32_t count, const kws_complex *split_twiddles) {
  const uint32_t half = count / 2u;
  const uint32_t quarter = count / 4u;
  butterfly2(&points[0], &points[half], halved(points[half]));
  butterfly2(&points[quarter], &points[half + quarter], by_minus_i(halved(points[half + quarter])));
  for (uint32_t j = 1; j < quarter; ++j) {
    const kws_complex rotation = split_twiddles[2 * j];
    kws_complex *lower = points + j;
    butterfly2(lower, lower + half, rotated(lower[half], rotation));
    lower += quarter;
    butterfly2(lower, lower + half, by_minus_i(rotated(lower[half], rotation)));
  }
}

#endif

/* From the transform of even samples + i * odd samples to the bins of the real signal, in place. */
static void split(kws_complex *bins, uint32_t count, const kws_complex *twiddles) {
  const kws_complex zero = bins[0];
  kws_complex *lower = bins + 1;
  kws_complex *upper = bins + count - 1;
  bins[0].re = zero.re + zero.im;
  bins[0].im = 0;
  bins[count].re = zero.re - zero.im;
  bins[count].im = 0;
  for (; lower < upper; ++lower, --upper) {
    const kws_complex rotation = *++twiddles;
    const kws_complex a = *lower;
    const kws_complex b = *upper;
    const kws_complex even = {(a.re + b.re) >> 1, (a.im - b.im) >> 1};
    const kws_complex odd = {a.im + b.im, a.re - b.re};
    const kws_complex turned = {
        kws_add_multiply_high(kws_multiply_high(odd.re, rotation.re), odd.im, rotation.im),
        kws_subtract_multiply_high(kws_multiply_high(odd.re, rotation.im), odd.im, rotation.re)};
    lower->re = even.re + turned.re;
    lower->im = even.im + turned.im;
    upper->re = even.re - turned.re;
    upper->im = even.im - turned.im;
  }
}

void kws_transform(const kws_transform_tables *tables, const int16_t *samples, kws_complex *bins) {
  const uint32_t points = tables->points;
  const kws_complex *twiddles = tables->radix4_twiddles;
  uint32_t span = tables->first_radix;
#if KWS_FRONTEND_WITH_RADIX5
  if (span == 5) {
    first_pass_radix5(tables, samples, bins);
  } else
#endif
  {
    first_pass_radix4(tables, samples, bins);
  }
  for (uint32_t pass = 0; pass < tables->radix4_passes; ++pass) {
    radix4_pass(bins, bins + points, span, twiddles);
    twiddles += 3 * (span - 1);
    span *= 4;
  }
#if KWS_FRONTEND_WITH_RADIX2
  if (tables->radix2_passes != 0) {
    radix2_pass(bins, points, tables->split_twiddles);
  }
#endif
  split(bins, points, tables->split_twiddles);
}
