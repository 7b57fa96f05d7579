// The pixels of a TIFF: grey, RGB, CMYK and palette of 1 to 16 bits sample by sample, so that labels survive; YCbCr
// without JPEG through libtiff's own conversion to RGBA. Strips and tiles of JPEG go to the reader of JPEG: libtiff
// reports only the first warning of each, which may hide that the rest is missing.
#include "piece.h"
#include "tiff.h"

#include <stdlib.h>
#include <string.h>

static int decode_converted(struct tiff_session *s, const codec_layout *layout, uint8_t *samples) {
  uint64_t pixels = (uint64_t)layout->width * layout->height;
  uint32_t *raster = malloc(pixels * 4);
  if (!raster) return tiff_fail(s, CODEC_DAMAGED, "not enough memory");
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
  return done ? CODEC_OK : tiff_fail(s, CODEC_DAMAGED, "its pixels cannot be decoded");
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

static void unpack(const struct tiff_storage *storage, const codec_layout *layout, int indices,
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
          ((uint8_t *)samples)[offset + c] = (uint8_t)(indices ? value : value * 255 / top);
      }
    }
  }
}

// Reads a strip or tile of JPEG, which holds `rows` rows that count.
static int read_jpeg(struct tiff_session *s, const struct tiff_storage *storage, uint32_t number, uint32_t width,
                     uint32_t rows, uint32_t side_by_side, uint8_t *buffer) {
  uint64_t start = TIFFGetStrileOffset(s->tiff, number), size = TIFFGetStrileByteCount(s->tiff, number);
  if (!size || start > s->size || size > s->size - start)
    return tiff_fail(s, CODEC_DAMAGED, "a strip or tile lies outside the file");
  struct jpeg_piece piece = {.data = s->data + start, .size = size, .width = width, .height = rows,
                             .samples = side_by_side, .is_ycbcr = storage->photometric == PHOTOMETRIC_YCBCR};
  uint32_t count = 0;
  void *tables = NULL;
  if (TIFFGetField(s->tiff, TIFFTAG_JPEGTABLES, &count, &tables) && tables) {
    piece.tables = tables;
    piece.tables_size = count;
  }
  return codec_jpeg_piece(&piece, buffer, s->message);
}

static int decode_chunks(struct tiff_session *s, const struct tiff_storage *storage, const codec_layout *layout,
                         int indices, void *samples) {
  TIFF *tiff = s->tiff;
  int tiled = TIFFIsTiled(tiff), separate = storage->planar == PLANARCONFIG_SEPARATE && storage->samples > 1;
  uint32_t width = layout->width, height = layout->height;
  if (tiled) {
    if (!TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width) || !TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height))
      return tiff_fail(s, CODEC_DAMAGED, "its tiles have no size");
  } else {
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height);
    if (height > layout->height) height = layout->height;
  }
  if (!width || !height) return tiff_fail(s, CODEC_DAMAGED, "its strips or tiles have no size");
  uint32_t side_by_side = separate ? 1 : storage->samples;
  uint64_t row_bytes, size;
  if (storage->is_jpeg) {
    // At most 64 samples of 2³² pixels by 2³² rows: the first product fits, and the second is checked.
    row_bytes = (uint64_t)width * side_by_side;
    size = row_bytes > CODEC_MEMORY ? row_bytes : row_bytes * (height < 65536 ? height : 65536);
    if (height > 65535) return tiff_fail(s, CODEC_DAMAGED, "its strips or tiles are larger than a JPEG can be");
  } else {
    size = tiled ? TIFFTileSize64(tiff) : TIFFStripSize64(tiff);
    row_bytes = tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
  }
  uint64_t image = (uint64_t)layout->width * layout->height * storage->samples * 2;
  // A tile is padded to its size, so a small picture may have one larger than itself, within reason.
  if (!size || size > image * 4 + ((uint64_t)64 << 20))
    return tiff_fail(s, CODEC_DAMAGED, "its strips or tiles are too large for the picture");
  if (size > CODEC_MEMORY) return tiff_fail(s, CODEC_UNSUPPORTED, "its strips or tiles have more than 1 GiB each");
  if (row_bytes < ((uint64_t)width * side_by_side * storage->bits + 7) / 8 || size / height < row_bytes)
    return tiff_fail(s, CODEC_DAMAGED, "its rows are shorter than its width");

  uint8_t *buffer = malloc(size);
  if (!buffer) return tiff_fail(s, CODEC_DAMAGED, "not enough memory");
  int result = CODEC_OK;
  uint32_t planes = separate && !layout->palette ? layout->channels : 1;
  for (uint32_t plane = 0; plane < planes && result == CODEC_OK; plane++)
    for (uint64_t y = 0; y < layout->height && result == CODEC_OK; y += height)
      for (uint64_t x = 0; x < layout->width && result == CODEC_OK; x += width) {
        uint32_t right = layout->width - (uint32_t)x, below = layout->height - (uint32_t)y;
        struct chunk chunk = {(uint32_t)x, (uint32_t)y, right < width ? right : width,
                              below < height ? below : height, buffer, row_bytes, side_by_side, plane};
        uint32_t number = tiled ? TIFFComputeTile(tiff, chunk.x, chunk.y, 0, (uint16_t)plane)
                                : TIFFComputeStrip(tiff, chunk.y, (uint16_t)plane);
        tmsize_t wanted = tiled ? (tmsize_t)size : (tmsize_t)(row_bytes * chunk.height), got = wanted;
        if (storage->is_jpeg)
          result = read_jpeg(s, storage, number, width, chunk.height, side_by_side, buffer);
        else if (tiled)
          got = TIFFReadEncodedTile(tiff, number, buffer, wanted);
        else
          got = TIFFReadEncodedStrip(tiff, number, buffer, wanted);
        if (result == CODEC_OK && s->failed)
          result = CODEC_DAMAGED;
        else if (result == CODEC_OK && got < wanted)
          result = tiff_fail(s, CODEC_DAMAGED, "pixels are missing from row %u on", chunk.y);
        else if (result == CODEC_OK)
          unpack(storage, layout, indices, &chunk, samples);
      }
  free(buffer);
  return result;
}

// Decodes four inks, and mixes them to RGB.
static int decode_cmyk(struct tiff_session *s, const struct tiff_storage *storage, const codec_layout *layout,
                       void *samples) {
  codec_layout inks = *layout;
  inks.channels = 4;
  uint64_t pixels = (uint64_t)layout->width * layout->height;
  void *four = malloc(pixels * 4 * (layout->bits / 8));
  if (!four) return tiff_fail(s, CODEC_DAMAGED, "not enough memory");
  int result = decode_chunks(s, storage, &inks, 0, four);
  if (result == CODEC_OK)
    for (uint64_t i = 0; i < pixels; i++) {
      const uint16_t *words = (const uint16_t *)four + i * 4;
      const uint8_t *bytes = (const uint8_t *)four + i * 4;
      for (uint64_t c = 0; c < 3; c++)
        if (layout->bits == 16)
          ((uint16_t *)samples)[i * 3 + c] = (uint16_t)codec_light(words[c], words[3], 65535);
        else
          ((uint8_t *)samples)[i * 3 + c] = (uint8_t)codec_light(bytes[c], bytes[3], 255);
    }
  free(four);
  return result;
}

int tiff_decode(struct tiff_session *s, const struct tiff_storage *storage, const codec_layout *layout, int indices,
                void *samples) {
  if (storage->converted) return decode_converted(s, layout, samples);
  if (storage->is_cmyk) return decode_cmyk(s, storage, layout, samples);
  return decode_chunks(s, storage, layout, indices, samples);
}
