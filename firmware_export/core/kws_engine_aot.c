#include "kws_engine.h"

#include "kws_memory.h"
#include "kws_network.h"

kws_status kws_engine_init(void *arena) {
  if (arena == NULL) {
    return KWS_ERROR_NULL;
  }
  /* memory that is not there shows now and not in the middle of a stream */
  kws_fill_bytes(arena, KWS_ENGINE_ARENA_BYTES, 0);
  return KWS_OK;
}

kws_status kws_engine_run(const int8_t *features, int8_t *logits, void *arena) {
  const int result = kws_network_run(features, logits, arena);
#ifdef KWS_USE_CMSIS_NN
  if (result == KWS_NETWORK_CMSIS_NN) {
    return KWS_ERROR_INFERENCE;
  }
#endif
  /* the spotter aligned the arena, so a pointer is all that can be wrong */
  return result == KWS_NETWORK_OK ? KWS_OK : KWS_ERROR_NULL;
}
