#include "CKernels.h"
#include "lanes.h"

#include <string.h>

static inline float real(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static inline uint32_t bits(float value) {
  uint32_t found;
  memcpy(&found, &value, sizeof found);
  return found;
}

// Magnitudes are ordered as their bits are; what is not a number comes last.
static const uint32_t magnitude = 0x7fffffff;
static const float smallest = 1e-12f;

static inline uint8_t code(float value, float inverse) {
  float moved = value * inverse + 128.5f;
  moved = moved > 0 ? moved : 0;
  moved = moved < 255 ? moved : 255;
  return (uint8_t)(int32_t)moved;
}

// 126 and not 127: where the scale is rounded to bfloat16, the largest of a row may come out one higher.
static inline float scale_of(uint32_t largest) {
  float found = real(largest) / 126;
  return found < smallest ? smallest : found;
}

WIDE void mcdrl_row_from_float(const float *row, int64_t count, uint8_t *codes, float *scale) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t found = bits(row[i]) & magnitude;
    largest = found > largest ? found : largest;
  }
  *scale = scale_of(largest);
  float inverse = 1 / *scale;
  for (int64_t i = 0; i < count; i++) codes[i] = code(row[i], inverse);
}

WIDE void mcdrl_row_from_bfloat16(const uint16_t *row, int64_t count, uint8_t *codes, uint16_t *scale) {
  uint16_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    uint16_t found = row[i] & (uint16_t)(magnitude >> 16);
    largest = found > largest ? found : largest;
  }
  // To the nearest, ties to even; a NaN keeps a bit of its fraction.
  uint32_t exact = bits(scale_of((uint32_t)largest << 16));
  *scale = (exact & magnitude) > 0x7f800000 ? 0x7fc0 : (uint16_t)((exact + 0x7fff + (exact >> 16 & 1)) >> 16);
  float inverse = 1 / real((uint32_t)*scale << 16);
  for (int64_t i = 0; i < count; i++) codes[i] = code(real((uint32_t)row[i] << 16), inverse);
}
