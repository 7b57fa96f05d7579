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

// Rows of numbers with gaps between them; what is in the gaps must not matter and must stay.
typedef struct {
  int64_t rows, width, stride;
  float *values;
  uint16_t *halves;
} matrix;

static const float GAP = 1e30f;

static matrix drawn(int64_t rows, int64_t width, int64_t gap) {
  matrix made = {rows, width, width + gap};
  made.values = malloc(rows * made.stride * sizeof(float));
  made.halves = malloc(rows * made.stride * sizeof(uint16_t));
  for (int64_t i = 0; i < rows * made.stride; i++) {
    made.halves[i] = half(i % made.stride < width ? 2 * draw() : GAP);
    made.values[i] = whole(made.halves[i]);
  }
  return made;
}

static double at(const matrix *m, int64_t row, int64_t column) { return m->values[row * m->stride + column]; }

// Computes attention, and says what is wrong outside of the results: in the gaps, or behind the workspace.
static void attend(const matrix *q, const matrix *k, const matrix *v, matrix *out, float scale, manner how) {
  mcdrl_attention call = {q->values,  k->values, v->values, out->values, q->rows,     k->rows,
                          q->width,   q->stride, k->stride, v->stride,   out->stride, scale};
  enum { BEHIND = 64 };
  int64_t words = (how == BY_TILES ? mcdrl_tile_attention_words : mcdrl_attention_words)(k->rows, q->width);
  uint8_t *space = malloc(words * 4 + BEHIND);
  // What an earlier call left must not matter.
  memset(space, 0xff, words * 4 + BEHIND);
  if (how == IN_FLOAT) {
    mcdrl_attention_float(&call, space);
  } else {
    call.q = q->halves, call.k = k->halves, call.v = v->halves, call.out = out->halves;
    (how == BY_TILES ? mcdrl_tile_attention : mcdrl_attention_bfloat16)(&call, space);
    for (int64_t i = 0; i < out->rows * out->stride; i++) out->values[i] = whole(out->halves[i]);
  }
  for (int64_t i = 0; i < BEHIND; i++) expect(space[words * 4 + i] == 0xff, "attention writes behind its workspace");
  for (int64_t i = 0; i < out->rows * out->stride; i++)
    if (i % out->stride >= out->width) expect(out->values[i] == whole(half(GAP)), "attention writes between rows");
  free(space);
}

static void check_attention(int64_t queries, int64_t keys, int64_t width, manner how) {
  matrix q = drawn(queries, width, 3), k = drawn(keys, width, 5), v = drawn(keys, width, 8), out = drawn(queries, width, 11);
  float scale = 1 / sqrtf((float)width);
  attend(&q, &k, &v, &out, scale, how);
  double *weights = malloc(keys * sizeof(double));
  for (int64_t i = 0; i < queries; i++) {
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < keys; j++) {
      weights[j] = 0;
      for (int64_t d = 0; d < width; d++) weights[j] += at(&q, i, d) * at(&k, j, d);
      weights[j] *= scale;
      most = fmax(most, weights[j]);
    }
    for (int64_t j = 0; j < keys; j++) sum += weights[j] = exp(weights[j] - most);
    for (int64_t d = 0; d < width; d++) {
      double wanted = 0;
      for (int64_t j = 0; j < keys; j++) wanted += weights[j] / sum * at(&v, j, d);
      const char *names[] = {"attention in float32", "attention in bfloat16", "attention with tiles"};
      expect(fabs(wanted - at(&out, i, d)) <= (how == IN_FLOAT ? 2e-6 : 0.02), names[how]);
    }
  }
  // A query that is not a number spoils its own row alone, a key all of them.
  q.halves[0] = half(NAN), q.values[0] = NAN;
  attend(&q, &k, &v, &out, scale, how);
  for (int64_t i = 0; i < queries; i++) expect(isnan(at(&out, i, 0)) == (i == 0), "a query that is not a number");
  k.halves[(keys - 1) * k.stride] = half(NAN), k.values[(keys - 1) * k.stride] = NAN;
  attend(&q, &k, &v, &out, scale, how);
  for (int64_t i = 0; i < queries; i++) expect(isnan(at(&out, i, 0)), "a key that is not a number");
  matrix all[] = {q, k, v, out};
  for (int m = 0; m < 4; m++) free(all[m].values), free(all[m].halves);
  free(weights);
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
    tiles = " (no tiles here)";
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
