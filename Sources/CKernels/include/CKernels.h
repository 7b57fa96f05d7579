// Rows of activations to 8-bit whole numbers: libtorch needs five passes over all of them, this takes two over a row that
// stays in the cache.
#pragma once
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// code = round(value / scale) + 128, where scale = the row's largest magnitude / 126; of a row of zeros, all codes are 128.
// A row with a value that is not finite has a scale that is not finite, and codes without meaning.
void mcdrl_row_from_float(const float *row, int64_t count, uint8_t *codes, float *scale);
// The same of bfloat16; the scale is rounded to bfloat16 before it is used.
void mcdrl_row_from_bfloat16(const uint16_t *row, int64_t count, uint8_t *codes, uint16_t *scale);

#ifdef __cplusplus
}
#endif
