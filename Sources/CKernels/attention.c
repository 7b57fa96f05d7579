#include "CKernels.h"

#if defined(__x86_64__) && defined(__clang__)
#include "attention_rows.h"
#include <string.h>

// Queries that go through the keys together, and vectors of results beside each: with those of one factor they fill the
// registers.
enum { ROWS = 6, VECTORS = 4 };

bool mcdrl_has_attention(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
         && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bf16");
}

int64_t mcdrl_attention_words(int64_t keys, int64_t width) {
  // Keys and values laid out, the queries of one turn, their scores and their weights.
  int64_t padded = in_blocks(keys, LANES);
  return 2 * padded * width + ROWS * width + 2 * ROWS * padded;
}

PART __m512 product(__m512 sum, __m512i vector, word each, bool is_half) {
  __m512i all = _mm512_set1_epi32((int)each);
  return is_half ? _mm512_dpbf16_ps(sum, (__m512bh)all, (__m512bh)vector)
                 : _mm512_fmadd_ps(_mm512_castsi512_ps(all), _mm512_castsi512_ps(vector), sum);
}

// sums[r][v] = Σ_t rows[r][t] · vectors[t][v]: `steps` words of each row, from vectors that lie `across` apart from one
// another and `down` from one step to the next, in words.
PART void products(
    const word *rows, int64_t row_stride, int64_t steps, const word *vectors, int64_t across, int64_t down, int count,
    bool is_half, __m512 sums[ROWS][VECTORS]) {
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < count; v++) sums[r][v] = _mm512_setzero_ps();
  for (int64_t t = 0; t < steps; t++) {
    __m512i found[VECTORS];
    for (int v = 0; v < count; v++) found[v] = _mm512_loadu_si512(vectors + t * down + v * across);
    for (int r = 0; r < ROWS; r++)
      for (int v = 0; v < count; v++) sums[r][v] = product(sums[r][v], found[v], rows[r * row_stride + t], is_half);
  }
}

PART void scores_of(
    const word *queries, const word *keys, int64_t words, int count, bool is_half, float *out, int64_t stride) {
  __m512 sums[ROWS][VECTORS];
  products(queries, words, words, keys, words * LANES, LANES, count, is_half, sums);
  for (int r = 0; r < ROWS; r++)
    for (int v = 0; v < count; v++) _mm512_storeu_ps(out + r * stride + v * LANES, sums[r][v]);
}

PART void mixed_values(
    const word *mix, int64_t stride, int64_t steps, const word *values, int64_t down, int count, bool is_half,
    const float *total, int64_t rows, void *out, int64_t out_stride) {
  __m512 sums[ROWS][VECTORS];
  products(mix, stride, steps, values, LANES, down, count, is_half, sums);
  for (int64_t r = 0; r < rows; r++)
    for (int v = 0; v < count; v++) {
      __m512 value = _mm512_mul_ps(sums[r][v], _mm512_set1_ps(1 / total[r]));
      int64_t place = r * out_stride + v * LANES;
      if (is_half)
        _mm256_storeu_si256((__m256i *)((uint16_t *)out + place), (__m256i)_mm512_cvtneps_pbh(value));
      else
        _mm512_storeu_ps((float *)out + place, value);
    }
}

// The number of vectors must be known when this is compiled, for sums to stay in registers.
#define EACH(count, call) \
  switch (count) { \
    case 1: { enum { N = 1 }; call; } break; \
    case 2: { enum { N = 2 }; call; } break; \
    case 3: { enum { N = 3 }; call; } break; \
    default: { enum { N = 4 }; call; } \
  }

PART void attend(const mcdrl_attention *a, void *workspace, bool is_half) {
  int64_t size = is_half ? 2 : 4, words = a->width * size / 4, stride = in_blocks(a->keys, LANES), blocks = stride / LANES;
  word *keys = workspace, *laid = keys + stride * a->width, *queries = laid + stride * a->width;
  float *scores = (float *)(queries + ROWS * a->width);
  word *mix = (word *)(scores + ROWS * stride);
  lay_out_keys(a, stride, words, size, keys);
  if (is_half) lay_out_values(a, laid);
  const word *values = is_half ? laid : a->v;
  int64_t down = is_half ? a->width : a->v_stride, steps = is_half ? (a->keys + 1) / 2 : a->keys;
  // As equal as may be, so that no part is left with a single vector.
  int64_t parts = (blocks + VECTORS - 1) / VECTORS;
  int64_t vectors = a->width / LANES, slices = (vectors + VECTORS - 1) / VECTORS;
  memset(queries, 0, ROWS * words * sizeof(word));
  for (int64_t first = 0; first < a->queries; first += ROWS) {
    int64_t rows = a->queries - first < ROWS ? a->queries - first : ROWS;
    for (int64_t r = 0; r < rows; r++)
      memcpy(queries + r * words, (const char *)a->q + (first + r) * a->q_stride * size, a->width * size);
    for (int64_t p = 0; p < parts; p++) {
      int64_t from = blocks * p / parts, count = blocks * (p + 1) / parts - from;
      EACH(count, scores_of(queries, keys + from * words * LANES, words, N, is_half, scores + from * LANES, stride))
    }
    float total[ROWS];
    int64_t mix_stride = stride * size / 4;
    for (int64_t r = 0; r < ROWS; r++)
      total[r] = weights(scores + r * stride, a->keys, a->scale, mix + r * mix_stride, is_half);
    for (int64_t p = 0; p < slices; p++) {
      int64_t from = vectors * p / slices, count = vectors * (p + 1) / slices - from, d = from * LANES;
      void *out = (char *)a->out + (first * a->out_stride + d) * size;
      EACH(count, mixed_values(
          mix, mix_stride, steps, values + d, down, N, is_half, total, rows, out, a->out_stride))
    }
  }
}

TARGET void mcdrl_attention_bfloat16(const mcdrl_attention *a, void *workspace) { attend(a, workspace, true); }
TARGET void mcdrl_attention_float(const mcdrl_attention *a, void *workspace) { attend(a, workspace, false); }

#else

bool mcdrl_has_attention(void) { return false; }
int64_t mcdrl_attention_words(int64_t keys, int64_t width) { return 0; }
void mcdrl_attention_bfloat16(const mcdrl_attention *a, void *workspace) {}
void mcdrl_attention_float(const mcdrl_attention *a, void *workspace) {}

#endif
