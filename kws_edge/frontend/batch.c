/* Features of whole batches on the host: the firmware's C, and where the processor has AVX2 its transform compiled a
 * second time with eight frames in place of one number. Both give the same bits; the tests hold them to it. */
#include "kws_fixed_point.h"
#include "kws_frontend.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(KWS_BATCH_WITHOUT_LANES)
#define HAVE_LANES 1
#else
#define HAVE_LANES 0
#endif

#if HAVE_LANES

#include <immintrin.h>

#define LANES 8u
#define BINS (KWS_FRONTEND_TRANSFORM_LENGTH / 2 + 1)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

typedef int32_t lanes __attribute__((vector_size(32)));

typedef struct {
  lanes re;
  lanes im;
} lane_complex;

typedef struct {
  __m256i weights;
  /* of the eight frames, in samples */
  __m256i offsets;
} lane_gains;

static inline lane_complex lane_load(const lane_complex *base, uint32_t index) { return base[index]; }

static inline void lane_store(lane_complex *base, uint32_t index, lanes re, lanes im) {
  base[index].re = re;
  base[index].im = im;
}

static inline void lane_store_real(lane_complex *base, uint32_t index, lanes re) {
  base[index].re = re;
  base[index].im = re - re;
}

/* upper halves of eight products whose lower halves are spread over two vectors */
static inline lanes upper_halves(__m256i even, __m256i odd) {
  return (lanes)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
}

static inline lanes lane_multiply_high(lanes a, int32_t b) {
  const __m256i factor = _mm256_set1_epi32(b);
  const __m256i half = _mm256_set1_epi64x(0x80000000LL);
  const __m256i even = _mm256_mul_epi32((__m256i)a, factor);
  const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64((__m256i)a, 32), factor);
  return upper_halves(_mm256_add_epi64(even, half), _mm256_add_epi64(odd, half));
}

static inline lanes lane_add_multiply_high(lanes sum, lanes a, int32_t b) { return sum + lane_multiply_high(a, b); }

static inline lanes lane_subtract_multiply_high(lanes sum, lanes a, int32_t b) {
  const __m256i factor = _mm256_set1_epi32(b);
  const __m256i half = _mm256_set1_epi64x(0x80000000LL);
  const __m256i even = _mm256_mul_epi32((__m256i)a, factor);
  const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64((__m256i)a, 32), factor);
  return sum + upper_halves(_mm256_sub_epi64(half, even), _mm256_sub_epi64(half, odd));
}

/* (a * b) >> 16 of 32-bit a and 16-bit b */
static inline lanes lane_multiply_q16(__m256i a, int16_t b) {
  const __m256i factor = _mm256_set1_epi32(b);
  const __m256i even = _mm256_mul_epi32(a, factor);
  const __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(a, 32), factor);
  return (lanes)_mm256_blend_epi32(_mm256_srli_epi64(even, 16), _mm256_slli_epi64(odd, 16), 0xAA);
}

static inline lane_complex lane_windowed_point(const int16_t *pair, const int16_t *window, lane_gains gains) {
  const __m256i even = _mm256_i32gather_epi32((const int *)(const void *)pair, gains.offsets, 2);
  const __m256i odd = _mm256_i32gather_epi32((const int *)(const void *)(pair + 1), gains.offsets, 2);
  const lane_complex point = {lane_multiply_q16(_mm256_madd_epi16(even, gains.weights), window[0]),
                              lane_multiply_q16(_mm256_madd_epi16(odd, gains.weights), window[1])};
  return point;
}

/* the frames of a stream lie one stride apart, which the tables of a transform do not know */
typedef struct {
  kws_transform_tables transform;
  uint32_t stride;
} lane_tables;

static inline lane_gains lane_gains_of(const kws_transform_tables *transform) {
  const lane_tables *tables = (const lane_tables *)(const void *)transform;
  const int weights = (int)(((uint32_t)transform->sample_gain << 16) | (uint16_t)-transform->previous_gain);
  const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const lane_gains gains = {_mm256_set1_epi32(weights),
                            _mm256_mullo_epi32(order, _mm256_set1_epi32((int)tables->stride))};
  return gains;
}

#define KWS_TRANSFORM_OF_LANES
#define kws_transform transform_lanes
#define kws_complex lane_complex
#define kws_gains lane_gains
#define gains_of lane_gains_of
#define windowed_point lane_windowed_point
#define kws_load_complex lane_load
#define kws_store_complex lane_store
#define kws_store_real lane_store_real
#define kws_multiply_high lane_multiply_high
#define kws_add_multiply_high lane_add_multiply_high
#define kws_subtract_multiply_high lane_subtract_multiply_high
static void transform_lanes(const kws_transform_tables *tables, const int16_t *samples, lane_complex *bins);
#include "kws_transform.c"
#undef kws_complex

/* From eight frames a number to eight frames one after the other. */
static void scatter(const lane_complex *bins, uint32_t count, kws_complex frames[LANES][BINS]) {
  for (uint32_t bin = 0; bin < count; ++bin) {
    const __m256i low = _mm256_unpacklo_epi32((__m256i)bins[bin].re, (__m256i)bins[bin].im);
    const __m256i high = _mm256_unpackhi_epi32((__m256i)bins[bin].re, (__m256i)bins[bin].im);
    const __m128i pairs[4] = {_mm256_castsi256_si128(low), _mm256_castsi256_si128(high),
                              _mm256_extracti128_si256(low, 1), _mm256_extracti128_si256(high, 1)};
    for (uint32_t pair = 0; pair < 4; ++pair) {
      _mm_storel_pd((double *)(void *)&frames[2 * pair][bin], _mm_castsi128_pd(pairs[pair]));
      _mm_storeh_pd((double *)(void *)&frames[2 * pair + 1][bin], _mm_castsi128_pd(pairs[pair]));
    }
  }
}

static void clip_in_lanes(kws_frontend *frontend, const kws_frontend_tables *tables, int16_t *padded,
                          const int16_t *samples, size_t count, int8_t *rows) {
  lane_complex bins[BINS];
  kws_complex frames[LANES][BINS];
  const lane_tables of_lanes = {tables->transform, tables->stride_samples};
  const uint32_t window = tables->window_samples;
  const uint32_t stride = tables->stride_samples;
  const uint32_t bin_count = tables->transform.points + 1u;
  const size_t frame_count = count < window ? 0 : 1 + (count - window) / stride;
  const size_t columns = tables->statics * (1u + tables->deltas);
  memcpy(padded + 1, samples, count * sizeof(int16_t));
  kws_frontend_start(frontend, tables);
  for (size_t frame = 0; frame < frame_count; ++frame) {
    if (frame % LANES == 0) {
      /* frames past the last read the zeros behind the recording */
      transform_lanes(&of_lanes.transform, padded + frame * stride, bins);
      scatter(bins, bin_count, frames);
    }
    memcpy(frontend->bins, frames[frame % LANES], bin_count * sizeof(kws_complex));
    kws_frontend_row(frontend, rows + frame * columns);
  }
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

bool kws_batch_has_lanes(void) { return __builtin_cpu_supports("avx2") != 0; }

#else

bool kws_batch_has_lanes(void) { return false; }

#endif

/* Samples to pad a recording with for use_lanes: one before it, and what frames past the last one read behind it. */
size_t kws_batch_padding(const kws_frontend_tables *tables) {
  return 8u * tables->stride_samples + 2u * tables->transform.points + 3u;
}

/* clips: [count][samples]; rows: [count][clip_values]; padded: [samples + padding], zero, where use_lanes. */
void kws_batch_features(const kws_frontend_tables *tables, const int16_t *clips, size_t count, size_t samples,
                        int8_t *rows, size_t clip_values, bool use_lanes, int16_t *padded) {
  kws_frontend frontend;
  for (size_t clip = 0; clip < count; ++clip) {
    const int16_t *source = clips + clip * samples;
    int8_t *target = rows + clip * clip_values;
#if HAVE_LANES
    if (use_lanes) {
      clip_in_lanes(&frontend, tables, padded, source, samples, target);
      continue;
    }
#endif
    (void)use_lanes;
    (void)padded;
    kws_frontend_clip(&frontend, tables, source, samples, target);
  }
}
