// The values of masks.
#include "CImageCodecs.h"

#include <string.h>

static int is_flat(const uint8_t *at, size_t width) {
  uint8_t value = *at;
  for (int y = -1; y <= 1; y++)
    for (int x = -1; x <= 1; x++)
      if (at[y * (ptrdiff_t)width + x] != value) return 0;
  return 1;
}

void codec_count_values(const uint8_t *samples, size_t width, size_t height, uint64_t counts[256],
                        uint64_t flat[256]) {
  memset(counts, 0, 256 * sizeof *counts);
  memset(flat, 0, 256 * sizeof *flat);
  for (size_t y = 0; y < height; y++) {
    const uint8_t *row = samples + y * width;
    int is_inner = y > 0 && y + 1 < height;
    for (size_t x = 0; x < width; x++) {
      uint8_t value = row[x];
      counts[value]++;
      if (value == 0 || value == 255 || !is_inner || x == 0 || x + 1 == width) continue;
      flat[value] += (uint64_t)is_flat(row + x, width);
    }
  }
}
