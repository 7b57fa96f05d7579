// What every target does: read the header, refuse more than a small number of pixels, decode, and look at each byte.
#pragma once
#include "CImageCodecs.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/// The most pixels that a target decodes, so that one input takes milliseconds.
#define FUZZ_PIXELS ((uint64_t)1 << 20)

/// Room for the samples of a layout; NULL if it has more pixels than a target decodes.
static inline uint8_t *fuzz_room(const codec_layout *layout, size_t *count) {
  if (!layout->width || !layout->height || (uint64_t)layout->width * layout->height > FUZZ_PIXELS) return NULL;
  // A layout outside of the door's contract is a fault, too.
  if (layout->channels < 1 || layout->channels > 4 || (layout->bits != 8 && layout->bits != 16)) abort();
  if (layout->orientation < 1 || layout->orientation > 8) abort();
  *count = (size_t)layout->width * layout->height * layout->channels * (layout->bits / 8);
  return malloc(*count);
}

/// Looks at the samples, so that a reader which leaves some unset shows, and frees them.
static inline void fuzz_look(uint8_t *samples, size_t count, int result) {
  static volatile unsigned sum;
  if (result == CODEC_OK)
    for (size_t i = 0; i < count; i++)
      if (samples[i] > 127) sum++;
  free(samples);
}

/// A failure must say why, in a text that ends.
static inline void fuzz_check(int result, const char *message) {
  if (result != CODEC_OK && result != CODEC_DAMAGED && result != CODEC_UNSUPPORTED) abort();
  if (!memchr(message, 0, CODEC_MESSAGE_LENGTH) || (result != CODEC_OK && !*message)) abort();
}
