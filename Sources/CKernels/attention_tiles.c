#include "CKernels.h"

#if defined(__x86_64__) && defined(__clang__) && defined(__linux__)
#include "attention_rows.h"
#include <cpuid.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILES __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,amx-tile,amx-bf16")))

// A tile has 16 rows of 16 words. A block is two tiles of queries by two of keys or of values: four products from four
// tiles that were read, with all eight tiles in use.
enum { TILE = 16, BLOCK = 2 * TILE, ROW = TILE * 4 };

// The kernel of the system keeps tiles of a process only after it has asked.
static bool may_use_tiles(void) {
  enum { ASK = 0x1023, TILE_DATA = 18 };
  return syscall(SYS_arch_prctl, ASK, TILE_DATA) == 0;
}

bool mcdrl_has_tile_attention(void) {
  enum { BFLOAT16 = 1 << 22, TILES_OF_AMX = 1 << 24 };
  unsigned a, b, c, d;
  bool has_tiles = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & BFLOAT16) && (d & TILES_OF_AMX);
  return has_tiles && mcdrl_has_attention() && may_use_tiles();
}

int64_t mcdrl_tile_attention_words(int64_t keys, int64_t width) {
  // Keys and values laid out; queries, scores, weights and sums of a block.
  int64_t padded = in_blocks(keys, BLOCK);
  return padded * width + BLOCK * width / 2 + BLOCK * padded + BLOCK * padded / 2 + BLOCK * width;
}

typedef struct {
  uint8_t palette, first_row, unused[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} layout;

// out = left · right over `steps` words, two tiles by two. A stride is from row to row, in words; the second tile of
// `right` lies `across` words from the first.
TILES static inline __attribute__((always_inline)) void product(
    const word *left, int64_t left_stride, const word *right, int64_t right_stride, int64_t across,
    int64_t steps, float *out, int64_t out_stride) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t s = 0; s < steps; s += TILE) {
    _tile_loadd(4, left + s, left_stride * 4);
    _tile_loadd(5, left + s + TILE * left_stride, left_stride * 4);
    _tile_loadd(6, right + s * right_stride, right_stride * 4);
    _tile_loadd(7, right + s * right_stride + across, right_stride * 4);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, out, out_stride * 4);
  _tile_stored(1, out + TILE, out_stride * 4);
  _tile_stored(2, out + TILE * out_stride, out_stride * 4);
  _tile_stored(3, out + TILE * out_stride + TILE, out_stride * 4);
}

TILES void mcdrl_tile_attention(const mcdrl_attention *a, void *workspace) {
  int64_t words = a->width / 2, stride = in_blocks(a->keys, BLOCK), pairs = stride / 2;
  word *keys = workspace, *values = keys + stride * words, *queries = values + stride * words;
  float *scores = (float *)(queries + BLOCK * words);
  word *mix = (word *)(scores + BLOCK * stride);
  float *sums = (float *)(mix + BLOCK * pairs);
  lay_out_keys(a, stride, words, 2, keys);
  lay_out_values(a, values);
  int64_t known = (a->keys + 1) / 2;
  memset(values + known * a->width, 0, (pairs - known) * a->width * sizeof(word));
  // Weights end with a whole vector, which may be before the last block of keys.
  memset(mix, 0, BLOCK * pairs * sizeof(word));
  layout tiles = {.palette = 1};
  for (int t = 0; t < 8; t++) tiles.rows[t] = TILE, tiles.row_bytes[t] = ROW;
  _tile_loadconfig(&tiles);
  for (int64_t first = 0; first < a->queries; first += BLOCK) {
    int64_t rows = a->queries - first < BLOCK ? a->queries - first : BLOCK;
    // Rows behind the last one hold anything; what comes of them is not read.
    for (int64_t r = 0; r < rows; r++)
      memcpy(queries + r * words, (const uint16_t *)a->q + (first + r) * a->q_stride, a->width * 2);
    for (int64_t k = 0; k < stride; k += BLOCK)
      product(queries, words, keys + k * words, LANES, words * LANES, words, scores + k, stride);
    float total[BLOCK];
    for (int64_t r = 0; r < rows; r++)
      total[r] = weights(scores + r * stride, a->keys, a->scale, mix + r * pairs, true);
    for (int64_t d = 0; d < a->width; d += BLOCK)
      product(mix, pairs, values + d, a->width, TILE, pairs, sums + d, a->width);
    for (int64_t r = 0; r < rows; r++)
      for (int64_t d = 0; d < a->width; d += LANES) {
        __m512 value = _mm512_mul_ps(_mm512_loadu_ps(sums + r * a->width + d), _mm512_set1_ps(1 / total[r]));
        uint16_t *to = (uint16_t *)a->out + (first + r) * a->out_stride + d;
        _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(value));
      }
  }
  _tile_release();
}

#else

bool mcdrl_has_tile_attention(void) { return false; }
int64_t mcdrl_tile_attention_words(int64_t keys, int64_t width) { return 0; }
void mcdrl_tile_attention(const mcdrl_attention *a, void *workspace) {}

#endif
