#include "kws_frontend.h"

#if KWS_FRONTEND_WITH_MFCC || KWS_FRONTEND_WITH_LOG_SPECTROGRAM

/* Base 2 logarithm in Q20. Energies below the floor have the floor's; energies are below 2^63. */
static int32_t floored_log2(const kws_frontend_tables *tables, int64_t energy) {
  const uint32_t upper = (uint32_t)((uint64_t)energy >> 32);
  const uint32_t lower = (uint32_t)energy;
  uint32_t mantissa;
  int32_t exponent;
  if (energy < tables->energy_floor) {
    return tables->floor_log2;
  }
  if (upper != 0) {
    const uint32_t zeros = kws_leading_zeros(upper);
    mantissa = (upper << zeros) | (lower >> (32u - zeros));
    exponent = 63 - (int32_t)zeros;
  } else {
    const uint32_t zeros = kws_leading_zeros(lower);
    mantissa = lower << zeros;
    exponent = 31 - (int32_t)zeros;
  }
  const uint16_t *chord = tables->log2_chords + ((mantissa >> 25) & 63u);
  const uint32_t fraction = (mantissa >> 9) & 0xFFFFu;
  const uint32_t value = ((uint32_t)chord[0] << 16) + (uint32_t)(chord[1] - chord[0]) * fraction;
  return (int32_t)(((uint32_t)exponent << 20) + (value >> 11));
}

#endif

#if KWS_FRONTEND_WITH_LOG_SPECTROGRAM || KWS_FRONTEND_WITH_WAVEFORM

static int8_t scaled_column(const kws_frontend_tables *tables, uint32_t column, int32_t value) {
  return kws_clip_int8(((int64_t)value * tables->gains[column] + tables->bias[column]) >> tables->shift);
}

#endif

#if KWS_FRONTEND_WITH_MFCC

typedef struct {
  /* sum of the powers, and of the powers weighted by the rising side, halved */
  int64_t total;
  int64_t rising;
} kws_segment;

/* Bins from first to before end, which lie between two edges. */
static inline kws_segment segment_energy(const kws_frontend_tables *tables, const kws_complex *bins, uint32_t first,
                                         uint32_t end) {
  kws_segment segment = {0, 0};
  for (uint32_t bin = first; bin < end; ++bin) {
    const kws_complex value = bins[bin];
    const int16_t weight = tables->mel_rising[bin];
    segment.total += (int64_t)value.re * value.re;
    segment.total += (int64_t)value.im * value.im;
    segment.rising += (int64_t)value.re * kws_multiply_q16(value.re, weight);
    segment.rising += (int64_t)value.im * kws_multiply_q16(value.im, weight);
  }
  return segment;
}

static int16_t log16(const kws_frontend_tables *tables, int64_t energy) {
  return (int16_t)kws_multiply_q16(floored_log2(tables, energy) - tables->log_centre, tables->log_gain);
}

#if KWS_FRONTEND_WITH_APPEND_ENERGY

static int64_t energy_between(const kws_complex *bins, uint32_t first, uint32_t end) {
  int64_t total = 0;
  for (uint32_t bin = first; bin < end; ++bin) {
    total += (int64_t)bins[bin].re * bins[bin].re;
    total += (int64_t)bins[bin].im * bins[bin].im;
  }
  return total;
}

#endif

/* Logarithms of the mel energies: between two edges the falling side of one filter is what the rising side of the
 * next leaves of the power. */
static void mel_logs(const kws_frontend_tables *tables, const kws_complex *bins, int16_t *logs) {
  const uint32_t bands = tables->mel_bands;
  const uint16_t *edges = tables->mel_edges;
  kws_segment below = segment_energy(tables, bins, edges[0], edges[1]);
  for (uint32_t band = 0; band < bands; ++band) {
    const kws_segment above = segment_energy(tables, bins, edges[band + 1], edges[band + 2]);
    logs[band] = log16(tables, 2 * (below.rising - above.rising) + above.total);
    below = above;
  }
#if KWS_FRONTEND_WITH_APPEND_ENERGY
  if (tables->append_energy != 0) {
    logs[bands] = log16(tables, energy_between(bins, 0, tables->transform.points + 1u));
  }
#endif
}

static int64_t cepstral_sum(const int16_t *matrix_row, const int16_t *logs, uint32_t inputs) {
  int64_t sum = 0;
  for (uint32_t input = 0; input < inputs; input += 2) {
#if KWS_FRONTEND_USE_DSP
    sum = __smlald(kws_load_pair(matrix_row + input), kws_load_pair(logs + input), sum);
#else
    sum += matrix_row[input] * logs[input];
    sum += matrix_row[input + 1] * logs[input + 1];
#endif
  }
  return sum;
}

#if KWS_FRONTEND_DELTAS > 0

/* Ten times the slope over the last five rows, and the history one row on. */
static int32_t causal_delta(int32_t history[4][KWS_FRONTEND_COEFFICIENTS], uint32_t column, int32_t value) {
  const int32_t delta = 2 * (value - history[0][column]) + history[3][column] - history[1][column];
  history[0][column] = history[1][column];
  history[1][column] = history[2][column];
  history[2][column] = history[3][column];
  history[3][column] = value;
  return delta;
}

static void delta_columns(kws_frontend *frontend, uint32_t column, int32_t value, int8_t *row) {
  const kws_frontend_tables *tables = frontend->tables;
  for (uint32_t order = 0; order < tables->deltas; ++order) {
    const uint32_t place = order * tables->statics + column;
    if (!frontend->started) {
      for (uint32_t age = 0; age < 4; ++age) {
        frontend->history[order][age][column] = value;
      }
    }
    value = causal_delta(frontend->history[order], column, value);
    row[tables->statics + place] =
        kws_clip_int8(((int64_t)value * tables->delta_gains[place] + tables->delta_bias[place]) >> tables->delta_shift);
  }
}

#endif

static void cepstral_columns(kws_frontend *frontend, int8_t *row) {
  const kws_frontend_tables *tables = frontend->tables;
  const int16_t *matrix_row = tables->matrix;
  for (uint32_t column = 0; column < tables->statics; ++column) {
    const int64_t sum = cepstral_sum(matrix_row, frontend->logs, tables->inputs);
    row[column] = kws_clip_int8((sum + tables->bias[column]) >> tables->shift);
#if KWS_FRONTEND_DELTAS > 0
    delta_columns(frontend, column, (int32_t)(sum >> tables->history_shift), row);
#endif
    matrix_row += tables->inputs;
  }
#if KWS_FRONTEND_DELTAS > 0
  frontend->started = true;
#endif
}

#endif

#if KWS_FRONTEND_TRANSFORM_LENGTH > 0

static void write_row(kws_frontend *frontend, int8_t *row) {
  const kws_frontend_tables *tables = frontend->tables;
  kws_transform(&tables->transform, frontend->samples, frontend->bins);
#if KWS_FRONTEND_WITH_MFCC
  if (tables->kind == KWS_FRONTEND_MFCC) {
    mel_logs(tables, frontend->bins, frontend->logs);
    cepstral_columns(frontend, row);
    return;
  }
#endif
#if KWS_FRONTEND_WITH_LOG_SPECTROGRAM
  for (uint32_t column = 0; column < tables->statics; ++column) {
    const kws_complex bin = frontend->bins[column];
    const int64_t energy = (int64_t)bin.re * bin.re + (int64_t)bin.im * bin.im;
    row[column] = scaled_column(tables, column, floored_log2(tables, energy));
  }
#endif
}

/* Keep what the next window shares with this one, and the sample before it. */
static void advance(kws_frontend *frontend) {
  const uint32_t window = frontend->tables->window_samples;
  const uint32_t stride = frontend->tables->stride_samples;
  int16_t *samples = frontend->samples;
  if (stride < window) {
    memmove(samples, samples + stride, (window - stride + 1u) * sizeof(int16_t));
    frontend->filled = window - stride;
  } else {
    samples[0] = samples[window];
    frontend->filled = 0;
    frontend->skip = stride - window;
  }
}

static size_t skipped(kws_frontend *frontend, const int16_t *samples, size_t count) {
  const size_t taken = count < frontend->skip ? count : frontend->skip;
  if (taken != 0) {
    frontend->samples[0] = samples[taken - 1];
    frontend->skip -= (uint32_t)taken;
  }
  return taken;
}

#endif

void kws_frontend_start(kws_frontend *frontend, const kws_frontend_tables *tables) {
  memset(frontend, 0, sizeof *frontend);
  frontend->tables = tables;
}

size_t kws_frontend_push(kws_frontend *frontend, const int16_t *samples, size_t count, int8_t *row, bool *due) {
  const kws_frontend_tables *tables = frontend->tables;
  *due = false;
#if KWS_FRONTEND_WITH_WAVEFORM
  if (tables->kind == KWS_FRONTEND_WAVEFORM) {
    if (count != 0) {
      row[0] = scaled_column(tables, 0, samples[0]);
      *due = true;
    }
    return *due ? 1 : 0;
  }
#endif
#if KWS_FRONTEND_TRANSFORM_LENGTH > 0
  const size_t ignored = skipped(frontend, samples, count);
  const size_t missing = tables->window_samples - frontend->filled;
  const size_t taken = count - ignored < missing ? count - ignored : missing;
  memcpy(frontend->samples + 1 + frontend->filled, samples + ignored, taken * sizeof(int16_t));
  frontend->filled += (uint32_t)taken;
  if (taken == missing) {
    write_row(frontend, row);
    advance(frontend);
    *due = true;
  }
  return ignored + taken;
#else
  return 0;
#endif
}

size_t kws_frontend_clip(kws_frontend *frontend, const kws_frontend_tables *tables, const int16_t *samples,
                         size_t count, int8_t *rows) {
  const size_t columns = tables->statics * (1u + tables->deltas);
  size_t written = 0;
  kws_frontend_start(frontend, tables);
  while (count != 0) {
    bool due;
    const size_t taken = kws_frontend_push(frontend, samples, count, rows, &due);
    samples += taken;
    count -= taken;
    if (due) {
      rows += columns;
      ++written;
    }
  }
  return written;
}
