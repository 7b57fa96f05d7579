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

static void check_attention(int64_t queries, int64_t keys, int64_t width, bool is_half) {
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
  void *space = malloc(mcdrl_attention_words(keys, width) * 4);
  if (is_half) {
    call.q = halves[0], call.k = halves[1], call.v = halves[2], call.out = halves[3];
    mcdrl_attention_bfloat16(&call, space);
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
      expect(far <= (is_half ? 0.02 : 2e-6), is_half ? "attention in bfloat16" : "attention in float32");
    }
  }
  for (int p = 0; p < 4; p++) free(parts[p]), free(halves[p]);
  free(space), free(weights);
}

int main(void) {
  check_rows();
  check_hash();
  check_training();
  if (mcdrl_has_attention()) {
    for (int is_half = 0; is_half < 2; is_half++) {
      check_attention(197, 197, 64, is_half);
      check_attention(1, 50, 64, is_half);
      check_attention(7, 1, 16, is_half);
      check_attention(13, 33, 80, is_half);
    }
  }
  printf(
      "  rows, SHA-256, training%s: %s\n", mcdrl_has_attention() ? ", attention" : " (no attention kernel here)",
      faults ? "WRONG" : "right");
  return faults > 0;
}
