// The versions of the libraries.
#include "CImageCodecs.h"

#include <stdio.h>
#include <jpeglib.h>
#include <png.h>
#include <tiffio.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

const char *codec_jpeg_version(void) {
#ifdef LIBJPEG_TURBO_VERSION
  return TEXT(LIBJPEG_TURBO_VERSION);
#else
  return TEXT(JPEG_LIB_VERSION);
#endif
}

const char *codec_png_version(void) { return png_get_libpng_ver(NULL); }

const char *codec_tiff_version(void) { return TIFFGetVersion(); }
