// A TIFF in memory: the callbacks that libtiff reads through, and its errors as messages.
#include "tiff_memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int codec_tiff_fail(struct session *s, int result, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(s->message, CODEC_MESSAGE_LENGTH, format, arguments);
  va_end(arguments);
  return result;
}

#if TIFFLIB_VERSION >= 20221213
static int on_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)module;
  struct session *s = user;
  if (!s->failed) vsnprintf(s->message, CODEC_MESSAGE_LENGTH, format, arguments);
  s->failed = 1;
  return 1;
}

// JPEG and fax data that end early or are broken are only warned of, and filled with grey or white.
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  if (module && (!strncmp(module, "JPEG", 4) || !strncmp(module, "Fax", 3)))
    return on_error(tiff, user, module, format, arguments);
  return 1;
}
#endif

static tmsize_t on_read(thandle_t handle, void *target, tmsize_t count) {
  struct session *s = handle;
  if (count <= 0 || s->position >= s->size) return 0;
  uint64_t left = s->size - s->position;
  uint64_t n = (uint64_t)count < left ? (uint64_t)count : left;
  memcpy(target, s->data + s->position, n);
  s->position += n;
  return (tmsize_t)n;
}

static tmsize_t on_write(thandle_t handle, void *source, tmsize_t count) {
  (void)handle;
  (void)source;
  (void)count;
  return 0;
}

static toff_t on_seek(thandle_t handle, toff_t offset, int whence) {
  struct session *s = handle;
  uint64_t base = whence == SEEK_CUR ? s->position : whence == SEEK_END ? s->size : 0;
  s->position = base + offset;
  return s->position;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) { return ((struct session *)handle)->size; }

int codec_tiff_open(struct session *s) {
#if TIFFLIB_VERSION >= 20221213
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return codec_tiff_fail(s, CODEC_DAMAGED, "not enough memory");
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)1 << 31);
  s->tiff = TIFFClientOpenExt("image", "rm", s, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
#else
  // Older libtiff knows one handler for the whole process.
  TIFFSetErrorHandler(NULL);
  TIFFSetWarningHandler(NULL);
  s->tiff = TIFFClientOpen("image", "rm", s, on_read, on_write, on_seek, on_close, on_size, NULL, NULL);
#endif
  if (s->tiff) return CODEC_OK;
  return s->failed ? CODEC_DAMAGED : codec_tiff_fail(s, CODEC_DAMAGED, "its header cannot be read");
}
