// TIFF: colours, then palette indices.
#include "reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  for (int indices = 0; indices <= 1; indices++) {
    codec_layout layout;
    char message[CODEC_MESSAGE_LENGTH] = "";
    size_t count = 0;
    int result = codec_tiff_layout(data, size, indices, &layout, message);
    fuzz_check(result, message);
    uint8_t *samples = result == CODEC_OK ? fuzz_room(&layout, &count) : NULL;
    if (!samples) continue;
    result = codec_tiff_decode(data, size, indices, &layout, samples, message);
    fuzz_check(result, message);
    fuzz_look(samples, count, result);
  }
  return 0;
}
