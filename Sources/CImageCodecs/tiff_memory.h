// A TIFF in memory, as libtiff reads it.
#pragma once
#include "CImageCodecs.h"

#include <tiffio.h>

struct session {
  const uint8_t *data;
  uint64_t size, position;
  char *message;
  int failed;
  TIFF *tiff;
};

// Writes a message and returns the result.
int codec_tiff_fail(struct session *s, int result, const char *format, ...);

// Opens the TIFF of a session that has data, size and a place for the message; the caller closes it.
int codec_tiff_open(struct session *s);
