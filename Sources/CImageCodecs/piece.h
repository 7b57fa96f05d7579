// What the reader of TIFF asks of the reader of JPEG. Not part of the door.
#pragma once
#include "CImageCodecs.h"

/// The most memory, in bytes, that one buffer of a decoder may take beside the samples that the caller gave.
#define CODEC_MEMORY ((uint64_t)1 << 30)

/// A strip or tile of a TIFF: a JPEG whose tables may stand elsewhere.
struct jpeg_piece {
  const uint8_t *tables, *data;
  size_t tables_size, size;
  /// The width that it must have, and the rows that count; it may have more rows.
  uint32_t width, height;
  /// Samples side by side in it.
  uint32_t samples;
  /// 1 to convert YCbCr to RGB; else the samples come as they are stored.
  int is_ycbcr;
};

/// Decodes width × height × samples bytes.
int codec_jpeg_piece(const struct jpeg_piece *piece, uint8_t *samples, char *message);

/// The light of one of the inks cyan, magenta and yellow under black, as fractions of `top`: (top - ink)(top - black)
/// / top, rounded as Pillow does.
static inline unsigned codec_light(unsigned ink, unsigned black, unsigned top) {
  uint64_t light = top - black;
  return (unsigned)(light - (ink * light + top / 2) / top);
}
