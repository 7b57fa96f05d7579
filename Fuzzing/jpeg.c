// JPEG: whole, then at an eighth of its size.
#include "reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  codec_layout whole;
  char text[CODEC_MESSAGE_LENGTH] = "";
  // The reduced picture has few pixels, but takes the time of the whole.
  if (codec_jpeg_layout(data, size, 1, &whole, text) != CODEC_OK) return 0;
  if ((uint64_t)whole.width * whole.height > FUZZ_PIXELS) return 0;
  for (int denominator = 1; denominator <= 8; denominator += 7) {
    codec_layout layout;
    char message[CODEC_MESSAGE_LENGTH] = "";
    size_t count = 0;
    int result = codec_jpeg_layout(data, size, denominator, &layout, message);
    fuzz_check(result, message);
    uint8_t *samples = result == CODEC_OK ? fuzz_room(&layout, &count) : NULL;
    if (!samples) continue;
    result = codec_jpeg_decode(data, size, denominator, &layout, samples, message);
    fuzz_check(result, message);
    fuzz_look(samples, count, result);
  }
  return 0;
}
