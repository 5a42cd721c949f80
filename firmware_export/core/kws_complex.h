/* Complex integers: what the front end's tables and buffers are made of. */
#ifndef KWS_COMPLEX_H
#define KWS_COMPLEX_H

#include <stdint.h>

typedef struct {
  int32_t re;
  int32_t im;
} kws_complex;

/* a constant complex number, Q31; a type of its own since the host transforms several frames at once */
typedef kws_complex kws_rotation;

#endif
