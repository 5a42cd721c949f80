/* Sizes and parts of the front end for the host: the widest settings, everything included. An exported firmware
 * brings its own file of this name, with the sizes of its one spec and without the parts that it does not use. */
#ifndef KWS_FRONTEND_CONFIG_H
#define KWS_FRONTEND_CONFIG_H

/* points of the real transform */
#define KWS_FRONTEND_TRANSFORM_LENGTH 2048
/* logarithms that enter the cepstrum matrix: mel bands, the frame's energy, rounded up to an even number */
#define KWS_FRONTEND_CEPSTRUM_INPUTS 130
/* cepstral coefficients without deltas */
#define KWS_FRONTEND_COEFFICIENTS 128
#define KWS_FRONTEND_DELTAS 2

#define KWS_FRONTEND_WITH_MFCC 1
#define KWS_FRONTEND_WITH_LOG_SPECTROGRAM 1
#define KWS_FRONTEND_WITH_WAVEFORM 1
#define KWS_FRONTEND_WITH_APPEND_ENERGY 1
/* 1 where the transform's plan is the one that follows, 0 where the tables tell */
#define KWS_FRONTEND_FIXED_PLAN 0
#define KWS_FRONTEND_RADIX4_PASSES 0
#define KWS_FRONTEND_WITH_RADIX2 1
#define KWS_FRONTEND_WITH_RADIX5 1

#endif
