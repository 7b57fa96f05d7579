// TIFF through libtiff: grey, RGB and palette of 1 to 16 bits sample by sample, so that labels survive; the rarer
// colour spaces through libtiff's own conversion to RGBA.
#include "tiff_memory.h"

#include <stdlib.h>
#include <string.h>

// How the file stores what `codec_layout` delivers.
struct storage {
  uint16_t bits, samples, photometric, planar;
  // Through TIFFReadRGBAImage.
  int converted;
  // Palette, 16 bits an entry.
  const uint16_t *red, *green, *blue;
};

static int describe(struct session *s, int indices, codec_layout *layout, struct storage *storage) {
  TIFF *tiff = s->tiff;
  uint16_t compression = 0, format = SAMPLEFORMAT_UINT, orientation = 1, extras = 0, *kinds = NULL;
  memset(layout, 0, sizeof *layout);
  memset(storage, 0, sizeof *storage);
  if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &layout->width) ||
      !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &layout->height) || !layout->width || !layout->height)
    return codec_tiff_fail(s, CODEC_DAMAGED, "its header gives no size");
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

  if (!TIFFIsCODECConfigured(compression))
    return codec_tiff_fail(s, CODEC_UNSUPPORTED, "compression %u is not in this build of libtiff", compression);
  if (format != SAMPLEFORMAT_UINT && format != SAMPLEFORMAT_VOID)
    return codec_tiff_fail(s, CODEC_UNSUPPORTED, "its samples are not unsigned integers");
  if (storage->bits != 1 && storage->bits != 2 && storage->bits != 4 && storage->bits != 8 && storage->bits != 16)
    return codec_tiff_fail(s, CODEC_UNSUPPORTED, "%u bits a sample; 1, 2, 4, 8 and 16 are read", storage->bits);
  if (storage->samples < 1 || storage->samples > 64)
    return codec_tiff_fail(s, CODEC_UNSUPPORTED, "%u samples a pixel", storage->samples);

  uint16_t colours = 1;
  switch (storage->photometric) {
  case PHOTOMETRIC_MINISWHITE:
  case PHOTOMETRIC_MINISBLACK: break;
  case PHOTOMETRIC_RGB: colours = 3; break;
  case PHOTOMETRIC_PALETTE: {
    uint16_t *red, *green, *blue;
    layout->palette = 1;
    if (storage->bits == 16) return codec_tiff_fail(s, CODEC_UNSUPPORTED, "a palette of 16 bits");
    if (!TIFFGetField(tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
      return codec_tiff_fail(s, CODEC_DAMAGED, "its palette is missing");
    storage->red = red;
    storage->green = green;
    storage->blue = blue;
    layout->channels = indices ? 1 : 3;
    return CODEC_OK;
  }
  case PHOTOMETRIC_YCBCR:
    if (compression == COMPRESSION_JPEG && storage->planar == PLANARCONFIG_CONTIG && storage->samples == 3) {
      TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
      colours = 3;
      break;
    }
    // Falls through.
  default: {
    char text[1024] = "";
    if (!TIFFRGBAImageOK(tiff, text)) return codec_tiff_fail(s, CODEC_UNSUPPORTED, "%s", text);
    storage->converted = 1;
    layout->bits = 8;
    layout->channels = 3;
    return CODEC_OK;
  }
  }
  if (storage->samples < colours) return codec_tiff_fail(s, CODEC_DAMAGED, "%u samples for RGB", storage->samples);
  layout->channels = colours;
  if (extras && kinds && storage->samples > colours &&
      (kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA)) {
    layout->channels++;
    layout->premultiplied = kinds[0] == EXTRASAMPLE_ASSOCALPHA;
  }
  return CODEC_OK;
}

static int decode_converted(struct session *s, const codec_layout *layout, uint8_t *samples) {
  uint64_t pixels = (uint64_t)layout->width * layout->height;
  uint32_t *raster = malloc(pixels * 4);
  if (!raster) return codec_tiff_fail(s, CODEC_DAMAGED, "not enough memory");
  // Asking for the orientation it has keeps libtiff from turning it halfway.
  int done = TIFFReadRGBAImageOriented(s->tiff, layout->width, layout->height, raster, (int)layout->orientation, 1);
  if (done)
    for (uint64_t i = 0; i < pixels; i++) {
      samples[i * 3] = (uint8_t)TIFFGetR(raster[i]);
      samples[i * 3 + 1] = (uint8_t)TIFFGetG(raster[i]);
      samples[i * 3 + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
  free(raster);
  if (s->failed) return CODEC_DAMAGED;
  return done ? CODEC_OK : codec_tiff_fail(s, CODEC_DAMAGED, "its pixels cannot be decoded");
}

// A strip or tile: where it lies in the image and how much of it counts.
struct chunk {
  uint32_t x, y, width, height;
  const uint8_t *bytes;
  size_t row_bytes;
  // Samples side by side in it, and the first of them that it holds.
  uint32_t samples, first;
};

static unsigned sample(const uint8_t *row, size_t index, unsigned bits) {
  if (bits == 8) return row[index];
  if (bits == 16) {
    uint16_t value;
    memcpy(&value, row + index * 2, 2);
    return value;
  }
  size_t bit = index * bits;
  return (row[bit / 8] >> (8 - bits - bit % 8)) & ((1u << bits) - 1);
}

static void unpack(const struct storage *storage, const codec_layout *layout, int indices,
                   const struct chunk *chunk, void *samples) {
  unsigned bits = storage->bits, top = (1u << bits) - 1;
  uint32_t end = chunk->first + chunk->samples;
  int plain = bits == 8 && !layout->palette && storage->photometric != PHOTOMETRIC_MINISWHITE &&
              chunk->samples == layout->channels;
  for (uint32_t y = 0; y < chunk->height; y++) {
    const uint8_t *row = chunk->bytes + chunk->row_bytes * y;
    size_t offset = ((size_t)(chunk->y + y) * layout->width + chunk->x) * layout->channels;
    if (plain) {
      memcpy((uint8_t *)samples + offset, row, (size_t)chunk->width * layout->channels);
      continue;
    }
    for (uint32_t x = 0; x < chunk->width; x++, offset += layout->channels) {
      if (layout->palette) {
        unsigned index = sample(row, (size_t)x * chunk->samples, bits);
        uint8_t *out = (uint8_t *)samples + offset;
        if (indices) {
          out[0] = (uint8_t)index;
        } else {
          out[0] = (uint8_t)(storage->red[index] >> 8);
          out[1] = (uint8_t)(storage->green[index] >> 8);
          out[2] = (uint8_t)(storage->blue[index] >> 8);
        }
        continue;
      }
      for (uint32_t c = chunk->first; c < end && c < layout->channels; c++) {
        unsigned value = sample(row, (size_t)x * chunk->samples + (c - chunk->first), bits);
        // Alpha is never inverted.
        if (storage->photometric == PHOTOMETRIC_MINISWHITE && c == 0) value = top - value;
        if (bits == 16)
          ((uint16_t *)samples)[offset + c] = (uint16_t)value;
        else
          ((uint8_t *)samples)[offset + c] = (uint8_t)(value * 255 / top);
      }
    }
  }
}

static int decode_chunks(struct session *s, const struct storage *storage, const codec_layout *layout, int indices,
                         void *samples) {
  TIFF *tiff = s->tiff;
  int tiled = TIFFIsTiled(tiff), separate = storage->planar == PLANARCONFIG_SEPARATE && storage->samples > 1;
  uint32_t width = layout->width, height = layout->height;
  if (tiled) {
    if (!TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width) || !TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height))
      return codec_tiff_fail(s, CODEC_DAMAGED, "its tiles have no size");
  } else {
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height);
    if (height > layout->height) height = layout->height;
  }
  if (!width || !height) return codec_tiff_fail(s, CODEC_DAMAGED, "its strips or tiles have no size");
  uint64_t size = tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
  uint64_t row_bytes = tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
  uint32_t side_by_side = separate ? 1 : storage->samples;
  uint64_t image = (uint64_t)layout->width * layout->height * storage->samples * 2;
  // A tile is padded to its size, so a small picture may have one larger than itself, within reason.
  if (!size || size > image * 4 + ((uint64_t)64 << 20))
    return codec_tiff_fail(s, CODEC_DAMAGED, "its strips or tiles are too large for the picture");
  if (row_bytes < ((uint64_t)width * side_by_side * storage->bits + 7) / 8 || size / height < row_bytes)
    return codec_tiff_fail(s, CODEC_DAMAGED, "its rows are shorter than its width");

  uint8_t *buffer = malloc(size);
  if (!buffer) return codec_tiff_fail(s, CODEC_DAMAGED, "not enough memory");
  int result = CODEC_OK;
  uint32_t planes = separate && !layout->palette ? layout->channels : 1;
  for (uint32_t plane = 0; plane < planes && result == CODEC_OK; plane++)
    for (uint64_t y = 0; y < layout->height && result == CODEC_OK; y += height)
      for (uint64_t x = 0; x < layout->width && result == CODEC_OK; x += width) {
        uint32_t right = layout->width - (uint32_t)x, below = layout->height - (uint32_t)y;
        struct chunk chunk = {(uint32_t)x, (uint32_t)y, right < width ? right : width,
                              below < height ? below : height, buffer, row_bytes, side_by_side, plane};
        int64_t wanted, got;
        if (tiled) {
          wanted = (int64_t)size;
          got = TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, chunk.x, chunk.y, 0, (uint16_t)plane), buffer,
                                    (tmsize_t)size);
        } else {
          wanted = (int64_t)(row_bytes * chunk.height);
          got = TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, chunk.y, (uint16_t)plane), buffer, (tmsize_t)wanted);
        }
        if (s->failed)
          result = CODEC_DAMAGED;
        else if (got < wanted)
          result = codec_tiff_fail(s, CODEC_DAMAGED, "pixels are missing from row %u on", chunk.y);
        else
          unpack(storage, layout, indices, &chunk, samples);
      }
  free(buffer);
  return result;
}

static struct session new_session(const uint8_t *data, size_t size, char *message) {
  struct session s;
  memset(&s, 0, sizeof s);
  s.data = data;
  s.size = size;
  s.message = message;
  return s;
}

int codec_tiff_layout(const uint8_t *data, size_t size, int indices, codec_layout *layout, char *message) {
  struct session s = new_session(data, size, message);
  struct storage storage;
  int result = codec_tiff_open(&s);
  if (result == CODEC_OK) result = describe(&s, indices, layout, &storage);
  if (result == CODEC_OK && s.failed) result = CODEC_DAMAGED;
  if (s.tiff) TIFFClose(s.tiff);
  return result;
}

int codec_tiff_decode(const uint8_t *data, size_t size, int indices, const codec_layout *expected, void *samples,
                      char *message) {
  struct session s = new_session(data, size, message);
  struct storage storage;
  codec_layout layout;
  int result = codec_tiff_open(&s);
  if (result == CODEC_OK) result = describe(&s, indices, &layout, &storage);
  if (result == CODEC_OK && memcmp(&layout, expected, sizeof layout))
    result = codec_tiff_fail(&s, CODEC_DAMAGED, "its header changed while it was read");
  if (result == CODEC_OK)
    result = storage.converted ? decode_converted(&s, &layout, samples)
                               : decode_chunks(&s, &storage, &layout, indices, samples);
  if (s.tiff) TIFFClose(s.tiff);
  return result;
}
