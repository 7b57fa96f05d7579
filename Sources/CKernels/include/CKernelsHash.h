// SHA-256 (FIPS 180-4), for UIDs and for names that must not lead back to a short content.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A hash of the bytes so far.
typedef struct {
  uint32_t state[8];
  // The bytes of a block that is not full.
  uint8_t pending[64];
  uint64_t count;
} mcdrl_sha256;

void mcdrl_sha256_start(mcdrl_sha256 *hash);
// Adds bytes; they may be null if there are none.
void mcdrl_sha256_add(mcdrl_sha256 *hash, const uint8_t *bytes, size_t size);
// Writes 32 bytes; the hash must be started again before it is used again.
void mcdrl_sha256_finish(mcdrl_sha256 *hash, uint8_t *digest);

#ifdef __cplusplus
}
#endif
