// What the header and the pixels of a TIFF share. Not part of the door.
#pragma once
#include "CImageCodecs.h"

#include <tiffio.h>

struct tiff_session {
  const uint8_t *data;
  uint64_t size, position;
  char *message;
  int failed;
  TIFF *tiff;
};

// How the file stores what `codec_layout` delivers.
struct tiff_storage {
  uint16_t bits, samples, photometric, planar;
  // Through TIFFReadRGBAImage.
  int converted;
  // Strips or tiles are JPEG.
  int is_jpeg;
  // Four inks in place of RGB.
  int is_cmyk;
  // Palette, 16 bits an entry.
  const uint16_t *red, *green, *blue;
};

/// Notes what is wrong, and returns `result`.
int tiff_fail(struct tiff_session *s, int result, const char *format, ...);

/// Decodes the page that `storage` and `layout` describe.
int tiff_decode(struct tiff_session *s, const struct tiff_storage *storage, const codec_layout *layout, int indices,
                void *samples);
