"""How cffi compiles the firmware's own front end into `kws_edge.frontend._native`; named by setup.py."""

from __future__ import annotations

from cffi import FFI

CORE = "firmware_export/core"

ffibuilder = FFI()

ffibuilder.cdef(
    """
typedef struct { int32_t re; int32_t im; } kws_complex;
typedef kws_complex kws_rotation;

typedef struct {
  int16_t sample_gain;
  int16_t previous_gain;
  uint16_t points;
  uint8_t first_radix;
  uint8_t radix4_passes;
  uint8_t radix2_passes;
  const int16_t *window;
  const uint16_t *order;
  const kws_rotation *radix4_twiddles;
  const kws_rotation *split_twiddles;
} kws_transform_tables;

typedef struct {
  uint8_t kind;
  uint8_t mel_bands;
  uint8_t append_energy;
  uint8_t inputs;
  uint16_t statics;
  uint8_t deltas;
  uint8_t shift;
  uint8_t history_shift;
  uint8_t delta_shift;
  uint16_t window_samples;
  uint16_t stride_samples;
  int16_t log_gain;
  int32_t log_centre;
  int32_t floor_log2;
  int64_t energy_floor;
  const uint16_t *log2_chords;
  const uint16_t *mel_edges;
  const int16_t *mel_rising;
  const int16_t *matrix;
  const int32_t *gains;
  const int64_t *bias;
  const int32_t *delta_gains;
  const int64_t *delta_bias;
  kws_transform_tables transform;
} kws_frontend_tables;

typedef struct { ...; } kws_frontend;

void kws_transform(const kws_transform_tables *tables, const int16_t *samples, kws_complex *bins);
void kws_frontend_start(kws_frontend *frontend, const kws_frontend_tables *tables);
size_t kws_frontend_push(kws_frontend *frontend, const int16_t *samples, size_t count, int8_t *row, bool *due);
bool kws_batch_has_lanes(void);
size_t kws_batch_padding(const kws_frontend_tables *tables);
void kws_batch_features(const kws_frontend_tables *tables, const int16_t *clips, size_t count, size_t samples,
                        int8_t *rows, size_t clip_values, bool use_lanes, int16_t *padded);
"""
)

# cffi releases the GIL around every call, so threads share a batch
ffibuilder.set_source(
    "kws_edge.frontend._native",
    """
#include "kws_frontend.h"
bool kws_batch_has_lanes(void);
size_t kws_batch_padding(const kws_frontend_tables *tables);
void kws_batch_features(const kws_frontend_tables *tables, const int16_t *clips, size_t count, size_t samples,
                        int8_t *rows, size_t clip_values, bool use_lanes, int16_t *padded);
""",
    sources=["kws_edge/frontend/batch.c", f"{CORE}/kws_frontend.c", f"{CORE}/kws_memory.c", f"{CORE}/kws_transform.c"],
    include_dirs=[CORE],
    depends=[
        f"{CORE}/kws_{name}.h"
        for name in ("frontend", "memory", "transform", "fixed_point", "complex", "frontend_config")
    ],
    extra_compile_args=["-std=gnu99", "-O3"],
)
