/* CMSIS-DSP's fixed-point MFCC over the frames of input 0, int16 samples; its coefficients go to the output.
 * PEER_BITS is 15 or 31. The tables are the caller's to supply: the benchmark generates them. */
#include "dsp/transform_functions.h"
#include "kws_qemu.h"
#include "peer_tables.h"

#if PEER_BITS == 15
typedef q15_t sample;
typedef arm_mfcc_instance_q15 instance;
#define INIT arm_mfcc_init_256_q15
#define MFCC arm_mfcc_q15
#else
typedef q31_t sample;
typedef arm_mfcc_instance_q31 instance;
#define INIT arm_mfcc_init_256_q31
#define MFCC arm_mfcc_q31
#endif

static instance mfcc;
static int16_t pcm[PEER_FFT];
static sample frame[PEER_FFT];
static q31_t scratch[PEER_FFT * 2];
static sample coefficients[PEER_COEFFICIENTS];

int main(void) {
  const int32_t audio = kws_qemu_open(0);
  if (INIT(&mfcc, PEER_BANDS, PEER_COEFFICIENTS, peer_dct, peer_filter_starts, peer_filter_lengths, peer_filters,
           peer_window) != ARM_MATH_SUCCESS)
    return 1;
  while (kws_qemu_read(audio, pcm, sizeof pcm) == sizeof pcm) {
    for (int i = 0; i < PEER_FFT; i++) frame[i] = (sample)((uint32_t)pcm[i] << (PEER_BITS - 15));
    if (MFCC(&mfcc, frame, coefficients, scratch) != ARM_MATH_SUCCESS) return 2;
    if (kws_qemu_write(coefficients, sizeof coefficients) != 0) return 3;
  }
  return 0;
}
