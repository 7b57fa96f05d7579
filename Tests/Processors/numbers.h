// Shared by the checks of kernels.
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// Counts a fault that does not hold, and names it.
void expect(bool holds, const char *what);
// Checks the kernels of training.
void check_training(void);
// Executes the tile instructions of AMX in software from now on; false where that cannot be: on other systems, and on a
// processor that has them, whose system does not grant them.
bool emulate_tiles(void);
// How many it has executed so.
int64_t emulated_instructions(void);

// Numbers between -1 and 1, the same on every processor.
static inline float draw(void) {
  static uint64_t state = 0x9E3779B97F4A7C15u;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (float)((double)(state >> 11) / (double)(1ull << 52) - 1.0);
}

static inline uint16_t half(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float whole(uint16_t value) {
  uint32_t bits = (uint32_t)value << 16;
  float found;
  memcpy(&found, &bits, sizeof found);
  return found;
}
