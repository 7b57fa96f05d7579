// What the kernels of attention share: how keys and values are laid out, and the weights of a query. For clang on x86-64.
#pragma once
#include "CKernels.h"
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#define PART static inline __attribute__((always_inline)) TARGET

// Floats in a vector.
enum { LANES = 16 };

// A word is a float, or two bfloat16 that are neighbours along the dimension that is summed over.
typedef uint32_t word __attribute__((may_alias, aligned(2)));

// A count of keys or queries in whole blocks.
static inline int64_t in_blocks(int64_t count, int64_t block) { return (count + block - 1) / block * block; }

// 2^x for x ≤ 0, within 2 units in the last place; NaN stays.
PART __m512 power(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-126), x);
  __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 rest = _mm512_mul_ps(_mm512_sub_ps(x, whole), _mm512_set1_ps(0.693147181f));
  // Taylor's series of e^rest, |rest| < 0.35.
  __m512 value = _mm512_set1_ps(1.f / 720);
  const float terms[] = {1.f / 120, 1.f / 24, 1.f / 6, 0.5f, 1, 1};
  for (int i = 0; i < 6; i++) value = _mm512_fmadd_ps(value, rest, _mm512_set1_ps(terms[i]));
  return _mm512_scalef_ps(value, whole);
}

// The lanes of a vector that the rest of a row fills.
PART __mmask16 present(int64_t rest) { return rest < LANES ? (__mmask16)((1u << rest) - 1) : 0xffff; }

// The weights of one query, not yet divided by their sum, which is returned; 0 where there is no key.
PART float weights(const float *scores, int64_t keys, float scale, void *out, bool is_half) {
  __m512 most = _mm512_set1_ps(-__builtin_inff()), sum = _mm512_setzero_ps();
  for (int64_t k = 0; k < keys; k += LANES) {
    most = _mm512_mask_max_ps(most, present(keys - k), most, _mm512_loadu_ps(scores + k));
  }
  __m512 factor = _mm512_set1_ps(scale * 1.44269504f), largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
  for (int64_t k = 0; k < keys; k += LANES) {
    // The difference first: it is exact where it matters, and never above 0.
    __m512 value = power(_mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(scores + k), largest), factor));
    value = _mm512_maskz_mov_ps(present(keys - k), value);
    sum = _mm512_add_ps(sum, value);
    if (is_half)
      _mm256_storeu_si256((__m256i *)((uint16_t *)out + k), (__m256i)_mm512_cvtneps_pbh(value));
    else
      _mm512_storeu_ps((float *)out + k, value);
  }
  return _mm512_reduce_add_ps(sum);
}

// Keys as [keys / 16][words][16], with zeros up to `padded` keys.
PART void lay_out_keys(const mcdrl_attention *a, int64_t padded, int64_t words, int64_t size, word *out) {
  for (int64_t k = 0; k < padded; k++) {
    word *to = out + k / LANES * words * LANES + k % LANES;
    const word *from = (const word *)((const char *)a->k + k * a->k_stride * size);
    for (int64_t w = 0; w < words; w++) to[w * LANES] = k < a->keys ? from[w] : 0;
  }
}

// Values in bfloat16 as [keys / 2][width][2].
PART void lay_out_values(const mcdrl_attention *a, word *out) {
  for (int64_t k = 0; k < a->keys; k += 2)
    for (int64_t d = 0; d < a->width; d += LANES) {
      const uint16_t *from = (const uint16_t *)a->v + k * a->v_stride + d;
      __m512i pair = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
      if (k + 1 < a->keys) {
        __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(from + a->v_stride)));
        pair = _mm512_or_si512(pair, _mm512_slli_epi32(next, 16));
      }
      _mm512_storeu_si512(out + k / 2 * a->width + d, pair);
    }
}
