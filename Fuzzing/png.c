// PNG: colours, then palette indices; as it is, and with the checksums that its chunks should have. Without those, a
// change of any byte ends at the checksum of its chunk.
#include "reader.h"

#include <zlib.h>

static void read_both(const uint8_t *data, size_t size) {
  for (int indices = 0; indices <= 1; indices++) {
    codec_layout layout;
    char message[CODEC_MESSAGE_LENGTH] = "";
    size_t count = 0;
    int result = codec_png_layout(data, size, indices, &layout, message);
    fuzz_check(result, message);
    uint8_t *samples = result == CODEC_OK ? fuzz_room(&layout, &count) : NULL;
    if (!samples) continue;
    result = codec_png_decode(data, size, indices, &layout, samples, message);
    fuzz_check(result, message);
    fuzz_look(samples, count, result);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_both(data, size);
  uint8_t *repaired = malloc(size ? size : 1);
  if (!repaired || size < 8) return free(repaired), 0;
  memcpy(repaired, data, size);
  for (size_t at = 8; size - at >= 12;) {
    size_t length = (size_t)repaired[at] << 24 | repaired[at + 1] << 16 | repaired[at + 2] << 8 | repaired[at + 3];
    if (length > size - at - 12) break;
    uint32_t sum = (uint32_t)crc32(0, repaired + at + 4, (uInt)length + 4);
    for (int i = 0; i < 4; i++) repaired[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
    at += length + 12;
  }
  if (memcmp(repaired, data, size)) read_both(repaired, size);
  free(repaired);
  return 0;
}
