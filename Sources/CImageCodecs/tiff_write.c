// Grey TIFF of 16 bits through libtiff, written to memory.
#include "tiff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The most bytes of a row.
#define CODEC_STRIP ((uint64_t)1 << 30)

// The file that grows, beside what the session of a reader has.
struct tiff_output {
  struct tiff_session session;
  uint8_t *bytes;
  uint64_t used, room;
};

static tmsize_t refuse(struct tiff_output *o, const char *reason) {
  if (!o->session.failed) tiff_fail(&o->session, CODEC_DAMAGED, "%s", reason);
  o->session.failed = 1;
  return 0;
}

#if TIFFLIB_VERSION >= 20221213
static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)module;
  struct tiff_output *o = user;
  if (!o->session.failed) vsnprintf(o->session.message, CODEC_MESSAGE_LENGTH, format, arguments);
  o->session.failed = 1;
  return 1;
}

static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)user;
  (void)module;
  (void)format;
  (void)arguments;
  return 1;
}
#endif

static tmsize_t on_read(thandle_t handle, void *target, tmsize_t count) {
  struct tiff_output *o = handle;
  uint64_t at = o->session.position;
  if (count <= 0 || at >= o->used) return 0;
  uint64_t n = (uint64_t)count < o->used - at ? (uint64_t)count : o->used - at;
  memcpy(target, o->bytes + at, n);
  o->session.position += n;
  return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *source, tmsize_t count) {
  struct tiff_output *o = handle;
  if (count <= 0) return 0;
  // A classic TIFF ends before 4 GiB, so the sum does not overflow.
  uint64_t at = o->session.position, end = at + (uint64_t)count;
  if (at > UINT32_MAX || end > UINT32_MAX) return refuse(o, "more than 4 GiB");
  if (end > o->room) {
    uint64_t room = o->room * 2 > end ? o->room * 2 : end + 4096;
    uint8_t *larger = realloc(o->bytes, room);
    if (!larger) return refuse(o, "not enough memory");
    o->bytes = larger;
    o->room = room;
  }
  // libtiff may seek past the end; what lies between is 0.
  if (at > o->used) memset(o->bytes + o->used, 0, at - o->used);
  memcpy(o->bytes + at, source, (size_t)count);
  if (end > o->used) o->used = end;
  o->session.position = end;
  return count;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  struct tiff_output *o = handle;
  uint64_t base = whence == SEEK_CUR ? o->session.position : whence == SEEK_END ? o->used : 0;
  o->session.position = base + offset;
  return o->session.position;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) { return ((struct tiff_output *)handle)->used; }

static TIFF *open_output(struct tiff_output *o) {
  // Little endian everywhere, so that the same map gives the same bytes.
  const char *mode = "wlm";
#if TIFFLIB_VERSION >= 20221213
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, o);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, o);
  TIFF *tiff = TIFFClientOpenExt("map", mode, o, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
  return tiff;
#else
  TIFFSetErrorHandler(NULL);
  TIFFSetWarningHandler(NULL);
  return TIFFClientOpen("map", mode, o, on_read, on_write, on_seek, on_close, on_size, NULL, NULL);
#endif
}

static int describe(TIFF *tiff, uint32_t width, uint32_t height, uint32_t rows) {
  int deflate = TIFFIsCODECConfigured(COMPRESSION_ADOBE_DEFLATE);
  return TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width) && TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height) &&
         TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 16) && TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1) &&
         TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) &&
         TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) &&
         TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK) &&
         TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT) &&
         TIFFSetField(tiff, TIFFTAG_COMPRESSION, deflate ? COMPRESSION_ADOBE_DEFLATE : COMPRESSION_LZW) &&
         TIFFSetField(tiff, TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL) &&
         TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, rows);
}

int codec_tiff_encode(const uint16_t *samples, uint32_t width, uint32_t height, uint8_t **out, size_t *out_size,
                      char *message) {
  struct tiff_output o;
  memset(&o, 0, sizeof o);
  o.session.message = message;
  *out = NULL;
  *out_size = 0;
  if (!width || !height) return tiff_fail(&o.session, CODEC_UNSUPPORTED, "a side of 0 pixels");
  uint64_t row_bytes = (uint64_t)width * 2;
  // A strip has about 256 KiB; the predictor works on a copy of it, so the samples stay as they are.
  uint32_t rows = (uint32_t)(((uint64_t)1 << 18) / row_bytes);
  if (rows < 1) rows = 1;
  if (rows > height) rows = height;
  int result = CODEC_OK;
  uint8_t *strip = row_bytes <= CODEC_STRIP ? malloc(row_bytes * rows) : NULL;
  TIFF *tiff = strip ? open_output(&o) : NULL;
  if (!tiff && !o.session.failed) result = tiff_fail(&o.session, CODEC_DAMAGED, "not enough memory");
  if (tiff && !describe(tiff, width, height, rows) && !o.session.failed)
    result = tiff_fail(&o.session, CODEC_DAMAGED, "libtiff refuses its header");
  for (uint32_t y = 0, count; tiff && result == CODEC_OK && !o.session.failed && y < height; y += count) {
    count = height - y < rows ? height - y : rows;
    memcpy(strip, samples + (size_t)width * y, row_bytes * count);
    if (TIFFWriteEncodedStrip(tiff, y / rows, strip, (tmsize_t)(row_bytes * count)) < 0 && !o.session.failed)
      result = tiff_fail(&o.session, CODEC_DAMAGED, "libtiff cannot write its pixels");
  }
  if (tiff && result == CODEC_OK && !o.session.failed && !TIFFFlush(tiff))
    result = tiff_fail(&o.session, CODEC_DAMAGED, "libtiff cannot write its directory");
  if (tiff) TIFFClose(tiff);
  free(strip);
  if (o.session.failed) result = CODEC_DAMAGED;
  if (result != CODEC_OK) {
    free(o.bytes);
    return result;
  }
  *out = o.bytes;
  *out_size = (size_t)o.used;
  return CODEC_OK;
}
