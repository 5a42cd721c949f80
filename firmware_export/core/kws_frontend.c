#include "kws_frontend.h"

#include "kws_fixed_point.h"
#include "kws_memory.h"

#if KWS_FRONTEND_WITH_MFCC || KWS_FRONTEND_WITH_LOG_SPECTROGRAM

/* Base 2 logarithm in Q20. Energies below the floor have the floor's; energies are below 2^63. */
static inline int32_t floored_log2(const kws_frontend_tables *tables, int64_t energy) {
  const uint32_t high_word = (uint32_t)((uint64_t)energy >> 32);
  const uint32_t low_word = (uint32_t)energy;
  const uint32_t upper = high_word != 0 ? high_word : low_word;
  const uint32_t lower = high_word != 0 ? low_word : 0;
  /* 0 has no leading one; it is below the floor anyway */
  const uint32_t zeros = kws_leading_zeros(upper | 1u);
  const uint32_t exponent = (high_word != 0 ? 63u : 31u) - zeros;
  const uint32_t mantissa = (upper << zeros) | ((lower >> 1) >> (31u - zeros));
  const uint16_t *chord = tables->log2_chords + ((mantissa >> 25) & 63u);
  const uint32_t fraction = (mantissa >> 9) & 0xFFFFu;
  const uint32_t value = ((uint32_t)chord[0] << 16) + (uint32_t)(chord[1] - chord[0]) * fraction;
  return energy < tables->energy_floor ? tables->floor_log2 : (int32_t)((exponent << 20) + (value >> 11));
}

#endif

#if KWS_FRONTEND_WITH_LOG_SPECTROGRAM || KWS_FRONTEND_WITH_WAVEFORM || KWS_FRONTEND_DELTAS > 0

static int8_t clipped_int64(int64_t value) { return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value); }

#endif

#if KWS_FRONTEND_WITH_LOG_SPECTROGRAM || KWS_FRONTEND_WITH_WAVEFORM

static int8_t scaled_column(const kws_frontend_tables *tables, uint32_t column, int32_t value) {
  return clipped_int64(((int64_t)value * tables->gains[column] + tables->bias[column]) >> tables->shift);
}

#endif

#if KWS_FRONTEND_WITH_MFCC

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

/* Between two edges the falling side of one filter is what the rising side of the next leaves of the power.
 * energies: the falling side below the first filter, which nobody wants; [mel_bands]; the frame's where the spec
 * appends it. */
static void mel_energies(const kws_frontend_tables *tables, const kws_complex *bins, int64_t *energies) {
  const uint16_t *edge = tables->mel_edges;
  const uint16_t *last_edge = edge + tables->mel_bands + 1u;
  const kws_complex *bin = bins + *edge;
  const int16_t *weight = tables->mel_rising + *edge;
  int64_t risen = 0;
#if KWS_FRONTEND_WITH_APPEND_ENERGY
  if (tables->append_energy != 0) {
    energies[tables->mel_bands + 1u] = energy_between(bins, 0, tables->transform.points + 1u);
  }
#endif
  for (; edge != last_edge; ++edge) {
    int64_t total = 0;
    int64_t rising = 0;
    for (uint32_t count = (uint32_t)edge[1] - edge[0]; count != 0; --count) {
      const kws_complex value = kws_walk_complex(&bin, 1);
      const int16_t share = *weight++;
      total += (int64_t)value.re * value.re;
      total += (int64_t)value.im * value.im;
      rising += (int64_t)value.re * kws_multiply_q16(value.re, share);
      rising += (int64_t)value.im * kws_multiply_q16(value.im, share);
    }
    /* a rising sum is halved by its Q15 weights */
    rising *= 2;
    *energies++ = risen + total - rising;
    risen = rising;
  }
}

/* logs: [count] */
static void mel_logs(const kws_frontend_tables *tables, const int64_t *energies, uint32_t count, int16_t *logs) {
  const int32_t centre = tables->log_centre;
  const int16_t gain = tables->log_gain;
  for (const int64_t *end = energies + count; energies != end; ++energies) {
    *logs++ = (int16_t)kws_multiply_q16(floored_log2(tables, *energies) - centre, gain);
  }
}

/* Weighted sums of the logarithms for two columns at once, whose weights lie one row of the matrix apart. */
static inline void cepstral_sums(const int16_t *weights, uint32_t apart, const int16_t *logs, uint32_t inputs,
                                 int64_t sums[2]) {
  const int16_t *end = logs + inputs;
  int64_t first = 0;
  int64_t second = 0;
  for (; logs != end; logs += 2, weights += 2) {
#if KWS_FRONTEND_USE_DSP
    const int32_t pair = kws_load_pair(logs);
    first = __smlald(kws_load_pair(weights), pair, first);
    second = __smlald(kws_load_pair(weights + apart), pair, second);
#else
    /* two products fit 32 bits, since no weight is -32768 */
    first += weights[0] * logs[0] + weights[1] * logs[1];
    second += weights[apart] * logs[0] + weights[apart + 1] * logs[1];
#endif
  }
  sums[0] = first;
  sums[1] = second;
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
        clipped_int64(((int64_t)value * tables->delta_gains[place] + tables->delta_bias[place]) >> tables->delta_shift);
  }
}

#endif

static inline void write_cepstrum(kws_frontend *frontend, uint32_t column, int64_t sum, int8_t *row) {
  const kws_frontend_tables *tables = frontend->tables;
  row[column] = kws_clip_int8(kws_shift_right(sum + tables->bias[column], tables->shift));
#if KWS_FRONTEND_DELTAS > 0
  delta_columns(frontend, column, (int32_t)(sum >> tables->history_shift), row);
#endif
}

static void cepstral_columns(kws_frontend *frontend, int8_t *row) {
  const kws_frontend_tables *tables = frontend->tables;
  const uint32_t statics = tables->statics;
  const uint32_t inputs = tables->inputs;
  const int16_t *weights = tables->matrix;
  uint32_t column = 0;
  int64_t sums[2];
  for (; column + 1 < statics; column += 2) {
    cepstral_sums(weights, inputs, frontend->logs, inputs, sums);
    write_cepstrum(frontend, column, sums[0], row);
    write_cepstrum(frontend, column + 1, sums[1], row);
    weights += 2 * inputs;
  }
  if (column != statics) {
    cepstral_sums(weights, 0, frontend->logs, inputs, sums);
    write_cepstrum(frontend, column, sums[0], row);
  }
#if KWS_FRONTEND_DELTAS > 0
  frontend->started = true;
#endif
}

#endif

#if KWS_FRONTEND_TRANSFORM_LENGTH > 0

void kws_frontend_row(kws_frontend *frontend, int8_t *row) {
  const kws_frontend_tables *tables = frontend->tables;
#if KWS_FRONTEND_WITH_MFCC
  if (tables->kind == KWS_FRONTEND_MFCC) {
    mel_energies(tables, frontend->bins, frontend->energies);
    mel_logs(tables, frontend->energies + 1, tables->mel_bands + (uint32_t)tables->append_energy, frontend->logs);
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
    kws_copy_down(samples, samples + stride, (window - stride + 1u) * sizeof(int16_t));
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
  kws_fill_bytes(frontend, sizeof *frontend, 0);
  frontend->tables = tables;
}

size_t kws_frontend_push(kws_frontend *frontend, const int16_t *samples, size_t count, int8_t *row, bool *due) {
  const kws_frontend_tables *tables = frontend->tables;
  *due = false;
  if (count == 0) {
    return 0; /* samples may be NULL then */
  }
#if KWS_FRONTEND_WITH_WAVEFORM
  if (tables->kind == KWS_FRONTEND_WAVEFORM) {
    row[0] = scaled_column(tables, 0, samples[0]);
    *due = true;
    return 1;
  }
#endif
#if KWS_FRONTEND_TRANSFORM_LENGTH > 0
  const size_t ignored = skipped(frontend, samples, count);
  const size_t missing = tables->window_samples - frontend->filled;
  const size_t taken = count - ignored < missing ? count - ignored : missing;
  kws_copy_down(frontend->samples + 1 + frontend->filled, samples + ignored, taken * sizeof(int16_t));
  frontend->filled += (uint32_t)taken;
  if (taken == missing) {
    kws_transform(&tables->transform, frontend->samples, frontend->bins);
    kws_frontend_row(frontend, row);
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
