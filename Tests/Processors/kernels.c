// Checks the kernels of Sources/CKernels against plain loops in double precision; scripts/check-processors builds it for
// several processors and runs it there or under emulation.
#include "CKernels.h"
#include "CKernelsHash.h"
#include "numbers.h"

#include <stdio.h>

int faults = 0;

void expect(bool holds, const char *what) {
  if (!holds) {
    printf("  WRONG: %s\n", what);
    faults++;
  }
}

static void check_rows(void) {
  enum { MOST = 300 };
  float row[MOST];
  uint16_t halves[MOST];
  uint8_t codes[MOST];
  for (int64_t count = 1; count < MOST; count += 13) {
    float size = ldexpf(1, (int)(count % 40) - 20);
    for (int64_t i = 0; i < count; i++) halves[i] = half(row[i] = draw() * size);
    float scale;
    mcdrl_row_from_float(row, count, codes, &scale);
    for (int64_t i = 0; i < count; i++)
      expect(fabs(row[i] - (codes[i] - 128.0) * scale) <= 0.5001 * scale, "codes of float32");
    uint16_t short_scale;
    mcdrl_row_from_bfloat16(halves, count, codes, &short_scale);
    scale = whole(short_scale);
    for (int64_t i = 0; i < count; i++)
      expect(fabs(whole(halves[i]) - (codes[i] - 128.0) * scale) <= 0.5001 * scale, "codes of bfloat16");
  }
  memset(row, 0, sizeof row);
  float scale;
  mcdrl_row_from_float(row, MOST, codes, &scale);
  for (int64_t i = 0; i < MOST; i++) expect(codes[i] == 128, "codes of zeros");
}

static void check_hash(void) {
  // FIPS 180-4, "abc".
  static const uint8_t known[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
  uint8_t digest[32];
  mcdrl_sha256 hash;
  mcdrl_sha256_start(&hash);
  mcdrl_sha256_add(&hash, (const uint8_t *)"abc", 3);
  mcdrl_sha256_finish(&hash, digest);
  expect(memcmp(digest, known, sizeof known) == 0, "SHA-256 of abc");
}

// How attention is computed.
typedef enum { IN_FLOAT, IN_BFLOAT16, BY_TILES } manner;

static void check_attention(int64_t queries, int64_t keys, int64_t width, manner how) {
  bool is_half = how != IN_FLOAT;
  int64_t sizes[] = {queries * width, keys * width, keys * width, queries * width};
  float *parts[4];
  uint16_t *halves[4];
  for (int p = 0; p < 4; p++) {
    parts[p] = malloc(sizes[p] * sizeof(float));
    halves[p] = malloc(sizes[p] * sizeof(uint16_t));
    for (int64_t i = 0; i < sizes[p]; i++) {
      halves[p][i] = half(2 * draw());
      parts[p][i] = whole(halves[p][i]);
    }
  }
  mcdrl_attention call = {parts[0], parts[1], parts[2], parts[3], queries, keys,  width,
                          width,    width,    width,    width,    1 / sqrtf((float)width)};
  int64_t words = how == BY_TILES ? mcdrl_tile_attention_words(keys, width) : mcdrl_attention_words(keys, width);
  void *space = malloc(words * 4);
  // What an earlier call left must not matter.
  memset(space, 0xff, words * 4);
  if (is_half) {
    call.q = halves[0], call.k = halves[1], call.v = halves[2], call.out = halves[3];
    (how == BY_TILES ? mcdrl_tile_attention : mcdrl_attention_bfloat16)(&call, space);
    for (int64_t i = 0; i < sizes[3]; i++) parts[3][i] = whole(halves[3][i]);
  } else {
    mcdrl_attention_float(&call, space);
  }
  double *weights = malloc(keys * sizeof(double));
  for (int64_t q = 0; q < queries; q++) {
    double most = -INFINITY, sum = 0;
    for (int64_t k = 0; k < keys; k++) {
      weights[k] = 0;
      for (int64_t d = 0; d < width; d++) weights[k] += (double)parts[0][q * width + d] * parts[1][k * width + d];
      weights[k] *= call.scale;
      most = fmax(most, weights[k]);
    }
    for (int64_t k = 0; k < keys; k++) sum += weights[k] = exp(weights[k] - most);
    for (int64_t d = 0; d < width; d++) {
      double wanted = 0;
      for (int64_t k = 0; k < keys; k++) wanted += weights[k] / sum * parts[2][k * width + d];
      double far = fabs(wanted - parts[3][q * width + d]);
      const char *names[] = {"attention in float32", "attention in bfloat16", "attention with tiles"};
      expect(far <= (is_half ? 0.02 : 2e-6), names[how]);
    }
  }
  for (int p = 0; p < 4; p++) free(parts[p]), free(halves[p]);
  free(space), free(weights);
}

int main(void) {
  check_rows();
  check_hash();
  check_training();
  const char *attention = " (no attention kernel here)", *tiles = "";
  if (mcdrl_has_attention()) {
    attention = ", attention";
    for (manner how = IN_FLOAT; how <= IN_BFLOAT16; how++) {
      check_attention(197, 197, 64, how);
      check_attention(1, 50, 64, how);
      check_attention(7, 1, 16, how);
      check_attention(13, 33, 80, how);
    }
    bool has_tiles = mcdrl_has_tile_attention();
    if (has_tiles || emulate_tiles()) {
      check_attention(197, 197, 64, BY_TILES);
      check_attention(32, 64, 64, BY_TILES);
      check_attention(1, 50, 32, BY_TILES);
      check_attention(33, 1, 96, BY_TILES);
      tiles = has_tiles ? ", attention with tiles" : ", attention with tiles in software";
      expect(has_tiles || emulated_instructions() > 0, "no tile instruction was executed");
    }
  }
  printf("  rows, SHA-256, training%s%s: %s\n", attention, tiles, faults ? "WRONG" : "right");
  return faults > 0;
}
