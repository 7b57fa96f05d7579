// TIFF through libtiff: the file in memory, and what its first directory says.
#include "piece.h"
#include "tiff.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int tiff_fail(struct tiff_session *s, int result, const char *format, ...) {
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
  struct tiff_session *s = user;
  if (!s->failed) vsnprintf(s->message, CODEC_MESSAGE_LENGTH, format, arguments);
  s->failed = 1;
  return 1;
}

// JPEG of the old style and fax data that end early or are broken are only warned of, and filled with grey or white.
static int on_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  if (module && (!strncmp(module, "JPEG", 4) || !strcmp(module, "LibJpeg") || !strncmp(module, "Fax", 3)))
    return on_error(tiff, user, module, format, arguments);
  return 1;
}
#endif

static tmsize_t on_read(thandle_t handle, void *target, tmsize_t count) {
  struct tiff_session *s = handle;
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
  struct tiff_session *s = handle;
  uint64_t base = whence == SEEK_CUR ? s->position : whence == SEEK_END ? s->size : 0;
  s->position = base + offset;
  return s->position;
}

static int on_close(thandle_t handle) {
  (void)handle;
  return 0;
}

static toff_t on_size(thandle_t handle) { return ((struct tiff_session *)handle)->size; }

static int open_tiff(struct tiff_session *s) {
#if TIFFLIB_VERSION >= 20221213
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return tiff_fail(s, CODEC_DAMAGED, "not enough memory");
  TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, s);
  TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, s);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)CODEC_MEMORY);
  s->tiff = TIFFClientOpenExt("image", "rm", s, on_read, on_write, on_seek, on_close, on_size, NULL, NULL, options);
  TIFFOpenOptionsFree(options);
#else
  // Older libtiff knows one handler for the whole process.
  TIFFSetErrorHandler(NULL);
  TIFFSetWarningHandler(NULL);
  s->tiff = TIFFClientOpen("image", "rm", s, on_read, on_write, on_seek, on_close, on_size, NULL, NULL);
#endif
  if (s->tiff) return CODEC_OK;
  return s->failed ? CODEC_DAMAGED : tiff_fail(s, CODEC_DAMAGED, "its header cannot be read");
}

static const char *colour_space(unsigned photometric) {
  switch (photometric) {
  case PHOTOMETRIC_MASK: return "a transparency mask";
  case PHOTOMETRIC_CIELAB:
  case PHOTOMETRIC_ICCLAB:
  case PHOTOMETRIC_ITULAB: return "L*a*b*";
  case PHOTOMETRIC_CFA:
  case 34892: return "the raw values of a sensor";
  case PHOTOMETRIC_LOGL:
  case PHOTOMETRIC_LOGLUV: return "logarithmic (LogL or LogLuv)";
  default: return "none of grey, RGB, palette, CMYK, YCbCr";
  }
}

static int describe(struct tiff_session *s, int indices, codec_layout *layout, struct tiff_storage *storage) {
  TIFF *tiff = s->tiff;
  uint16_t compression = 0, format = SAMPLEFORMAT_UINT, orientation = 1, extras = 0, *kinds = NULL;
  memset(layout, 0, sizeof *layout);
  memset(storage, 0, sizeof *storage);
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout->width) ||
      !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout->height) || !layout->width || !layout->height)
    return tiff_fail(s, CODEC_DAMAGED, "its header gives no size");
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &storage->bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &storage->samples);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &storage->planar);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extras, &kinds);
  if (!TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &storage->photometric))
    storage->photometric = storage->samples >= 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  layout->orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  layout->bits = storage->bits == 16 ? 16 : 8;
  storage->is_jpeg = compression == COMPRESSION_JPEG;

  if (!TIFFIsCODECConfigured(compression))
    return tiff_fail(s, CODEC_UNSUPPORTED, "compression %u is not in this build of libtiff", compression);
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
    return tiff_fail(s, CODEC_UNSUPPORTED, "its samples are not unsigned integers");
  if (storage->bits != 1 && storage->bits != 2 && storage->bits != 4 && storage->bits != 8 && storage->bits != 16)
    return tiff_fail(s, CODEC_UNSUPPORTED, "%u bits a sample; 1, 2, 4, 8 and 16 are read", storage->bits);
  if (storage->samples < 1 || storage->samples > 64)
    return tiff_fail(s, CODEC_UNSUPPORTED, "%u samples a pixel", storage->samples);
  if (storage->is_jpeg && storage->bits != 8)
    return tiff_fail(s, CODEC_UNSUPPORTED, "JPEG of %u bits a sample", storage->bits);

  uint16_t colours = 1;
  switch (storage->photometric) {
  case PHOTOMETRIC_MINISWHITE:
  case PHOTOMETRIC_MINISBLACK: break;
  case PHOTOMETRIC_RGB: colours = 3; break;
  case PHOTOMETRIC_PALETTE: {
    uint16_t *red, *green, *blue;
    layout->palette = 1;
    if (storage->bits == 16) return tiff_fail(s, CODEC_UNSUPPORTED, "a palette of 16 bits");
    if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
      return tiff_fail(s, CODEC_DAMAGED, "its palette is missing");
    storage->red = red;
    storage->green = green;
    storage->blue = blue;
    layout->channels = indices ? 1 : 3;
    return CODEC_OK;
  }
  case PHOTOMETRIC_SEPARATED: {
    uint16_t inks = INKSET_CMYK;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_INKSET, &inks);
    if (inks != INKSET_CMYK || storage->samples < 4)
      return tiff_fail(s, CODEC_UNSUPPORTED, "its inks are not cyan, magenta, yellow and black");
    storage->is_cmyk = 1;
    layout->channels = 3;
    return CODEC_OK;
  }
  case PHOTOMETRIC_YCBCR: {
    if (storage->is_jpeg && storage->planar == PLANARCONFIG_CONTIG && storage->samples == 3) {
      colours = 3;
      break;
    }
    char text[1024] = "";
    if (!TIFFRGBAImageOK(tiff, text)) return tiff_fail(s, CODEC_UNSUPPORTED, "%s", text);
    storage->converted = 1;
    layout->bits = 8;
    layout->channels = 3;
    return CODEC_OK;
  }
  default: return tiff_fail(s, CODEC_UNSUPPORTED, "its colour space is %s", colour_space(storage->photometric));
  }
  if (storage->samples < colours) return tiff_fail(s, CODEC_DAMAGED, "%u samples for RGB", storage->samples);
  layout->channels = colours;
  layout->bilevel = storage->bits == 1 && storage->samples == 1;
  if (extras && kinds && storage->samples > colours &&
      (kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA)) {
    layout->channels++;
    layout->premultiplied = kinds[0] == EXTRASAMPLE_ASSOCALPHA;
  }
  return CODEC_OK;
}

static struct tiff_session new_session(const uint8_t *data, size_t size, char *message) {
  struct tiff_session s;
  memset(&s, 0, sizeof s);
  s.data = data;
  s.size = size;
  s.message = message;
  return s;
}

// Opens the file and reads its first directory. What libtiff complained of until then was a tag that it corrected or
// left out: what is missing makes these fail.
static int open_page(struct tiff_session *s, int indices, codec_layout *layout, struct tiff_storage *storage) {
  int result = open_tiff(s);
  if (result == CODEC_OK) result = describe(s, indices, layout, storage);
  if (result == CODEC_OK) s->failed = 0;
  return result;
}

int codec_tiff_layout(const uint8_t *data, size_t size, int indices, codec_layout *layout, char *message) {
  struct tiff_session s = new_session(data, size, message);
  struct tiff_storage storage;
  int result = open_page(&s, indices, layout, &storage);
  if (s.tiff) TIFFClose(s.tiff);
  return result;
}

int codec_tiff_decode(const uint8_t *data, size_t size, int indices, const codec_layout *expected, void *samples,
                      char *message) {
  struct tiff_session s = new_session(data, size, message);
  struct tiff_storage storage;
  codec_layout layout;
  int result = open_page(&s, indices, &layout, &storage);
  if (result == CODEC_OK && memcmp(&layout, expected, sizeof layout))
    result = tiff_fail(&s, CODEC_DAMAGED, "its header changed while it was read");
  if (result == CODEC_OK) result = tiff_decode(&s, &storage, &layout, indices, samples);
  if (s.tiff) TIFFClose(s.tiff);
  return result;
}
