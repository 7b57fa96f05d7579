// Loops that no operator of libtorch has, or has as quickly.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Rows of activations to 8-bit whole numbers: libtorch needs five passes over all of them, this takes two over a row that
// stays in the cache.
// code = round(value / scale) + 128, where scale = the row's largest magnitude / 126; of a row of zeros, all codes are 128.
// A row with a value that is not finite has a scale that is not finite, and codes without meaning.
void mcdrl_row_from_float(const float *row, int64_t count, uint8_t *codes, float *scale);
// The same of bfloat16; the scale is rounded to bfloat16 before it is used.
void mcdrl_row_from_bfloat16(const uint16_t *row, int64_t count, uint8_t *codes, uint16_t *scale);

// Attention of one head of one image: out = softmax(q · kᵀ · scale) · v, with all scores of a few queries in the cache.
// Rows are `width` elements that lie one after the other, a multiple of 16; strides are between rows, in elements.
typedef struct {
  const void *q, *k, *v;
  void *out;
  int64_t queries, keys, width;
  int64_t q_stride, k_stride, v_stride, out_stride;
  float scale;
} mcdrl_attention;

// Whether this processor can; what follows must not be called otherwise.
bool mcdrl_has_attention(void);
// How many words of 4 bytes the workspace of a call must have.
int64_t mcdrl_attention_words(int64_t keys, int64_t width);
// In bfloat16; all sums are of float32, and what is rounded is the weights and the result.
void mcdrl_attention_bfloat16(const mcdrl_attention *attention, void *workspace);
// In float32.
void mcdrl_attention_float(const mcdrl_attention *attention, void *workspace);

// The same in bfloat16 with the tile products of AMX; `width` is a multiple of 32. `mcdrl_has_tile_attention` also asks
// the system to keep tiles for this process. The others must not be called where it is false.
bool mcdrl_has_tile_attention(void);
int64_t mcdrl_tile_attention_words(int64_t keys, int64_t width);
void mcdrl_tile_attention(const mcdrl_attention *attention, void *workspace);

#ifdef __cplusplus
}
#endif
