// Vectors of 16 floats by the compiler's own vector types, read from float32 or bfloat16.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ONE_BODY
#endif
#endif

// One body for several processors, chosen when the program is loaded. ThreadSanitizer is not ready by then.
#if defined(__x86_64__) && defined(__linux__) && defined(__clang__) && !defined(ONE_BODY)
#define WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDE
#endif
#define PART static inline __attribute__((always_inline))

// Every function with vectors as arguments is inlined, so how they are passed does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

enum { LANES = 16 };
typedef float floats __attribute__((vector_size(64)));
typedef uint32_t words __attribute__((vector_size(64)));
typedef uint16_t halves __attribute__((vector_size(32)));

// Element i of values of one of both types.
PART const void *element(const void *values, int64_t i, bool is_half) {
  return (const char *)values + i * (is_half ? 2 : 4);
}
PART void *place(void *values, int64_t i, bool is_half) { return (char *)values + i * (is_half ? 2 : 4); }

PART void load(floats *to, const void *from, bool is_half) {
  if (is_half) {
    halves found;
    memcpy(&found, from, sizeof found);
    words wide = __builtin_convertvector(found, words) << 16;
    memcpy(to, &wide, sizeof wide);
  } else {
    memcpy(to, from, sizeof *to);
  }
}

// To the nearest, ties to even; what is not a number stays so.
PART void store(void *to, floats value, bool is_half) {
  if (is_half) {
    words found;
    memcpy(&found, &value, sizeof found);
    words rounded = (found + 0x7fff + (found >> 16 & 1)) >> 16;
    words is_nan = (words)((found & 0x7fffffff) > 0x7f800000);
    rounded = (rounded & ~is_nan) | (is_nan & 0x7fc0);
    halves narrow = __builtin_convertvector(rounded, halves);
    memcpy(to, &narrow, sizeof narrow);
  } else {
    memcpy(to, &value, sizeof value);
  }
}

PART float load_one(const void *from, bool is_half) {
  if (!is_half) {
    float value;
    memcpy(&value, from, sizeof value);
    return value;
  }
  uint16_t half;
  memcpy(&half, from, sizeof half);
  uint32_t wide = (uint32_t)half << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

PART void store_one(void *to, float value, bool is_half) {
  if (!is_half) {
    memcpy(to, &value, sizeof value);
    return;
  }
  uint32_t found;
  memcpy(&found, &value, sizeof found);
  uint16_t half = (found & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (uint16_t)((found + 0x7fff + (found >> 16 & 1)) >> 16);
  memcpy(to, &half, sizeof half);
}
