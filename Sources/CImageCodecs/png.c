// PNG through libpng. libpng reports errors by a call that must not return, hence setjmp.
#include "CImageCodecs.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>
#include <zlib.h>

struct session {
  jmp_buf jump;
  char *message;
  png_structp png;
  png_infop info;
  // What is read.
  const uint8_t *data;
  size_t left;
  // What is written.
  uint8_t *out;
  size_t used, room;
  uint8_t *line;
};

static void on_error(png_structp png, png_const_charp text) {
  struct session *s = png_get_error_ptr(png);
  snprintf(s->message, CODEC_MESSAGE_LENGTH, "%s", text);
  longjmp(s->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void on_read(png_structp png, png_bytep target, size_t count) {
  struct session *s = png_get_io_ptr(png);
  if (count > s->left) png_error(png, "the file ends too early");
  memcpy(target, s->data, count);
  s->data += count;
  s->left -= count;
}

static void open_header(struct session *s, int indices, codec_layout *layout) {
  s->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, s, on_error, on_warning);
  if (s->png) s->info = png_create_info_struct(s->png);
  if (!s->info) {
    snprintf(s->message, CODEC_MESSAGE_LENGTH, "not enough memory");
    longjmp(s->jump, 1);
  }
  png_structp png = s->png;
  png_set_read_fn(png, s, on_read);
  // Text, profiles and the like are skipped unread: they can unpack to far more than the picture. The caller has
  // its own limit on pixels, so the library's on each side only hides the better message.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  // Some writers state a smaller window than they compressed with; other readers always take the largest.
  png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
  png_read_info(png, s->info);

  int type = png_get_color_type(png, s->info);
  memset(layout, 0, sizeof *layout);
  layout->orientation = 1;
  layout->palette = type == PNG_COLOR_TYPE_PALETTE;
  layout->width = png_get_image_width(png, s->info);
  layout->height = png_get_image_height(png, s->info);
  int has_transparency = png_get_valid(png, s->info, PNG_INFO_tRNS) != 0;
  if (layout->palette && indices) {
    layout->channels = 1;
    layout->bits = 8;
  } else {
    int colour = (type & PNG_COLOR_MASK_COLOR) != 0;
    int alpha = (type & PNG_COLOR_MASK_ALPHA) || has_transparency;
    layout->channels = (colour ? 3 : 1) + (alpha ? 1 : 0);
    layout->bits = png_get_bit_depth(png, s->info) == 16 ? 16 : 8;
    layout->bilevel = type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, s->info) == 1 && !alpha;
  }
}

static int run_layout(struct session *s, int indices, codec_layout *layout) {
  if (setjmp(s->jump)) return CODEC_DAMAGED;
  open_header(s, indices, layout);
  return CODEC_OK;
}

int codec_png_layout(const uint8_t *data, size_t size, int indices, codec_layout *layout, char *message) {
  struct session s;
  memset(&s, 0, sizeof s);
  s.message = message;
  s.data = data;
  s.left = size;
  int result = run_layout(&s, indices, layout);
  png_destroy_read_struct(&s.png, &s.info, NULL);
  return result;
}

static int run_decode(struct session *s, int indices, const codec_layout *expected, uint8_t *samples) {
  if (setjmp(s->jump)) return CODEC_DAMAGED;
  codec_layout layout;
  open_header(s, indices, &layout);
  png_structp png = s->png;
  if (memcmp(&layout, expected, sizeof layout)) png_error(png, "its header changed while it was read");
  int is_small_grey = layout.channels == 1 && !layout.palette && png_get_bit_depth(png, s->info) < 8;
  if (indices && (layout.palette || is_small_grey)) {
    png_set_packing(png);
  } else {
    // Palettes to colours, small grey to 8 bits, transparent colours to an alpha channel.
    png_set_expand(png);
    const uint16_t one = 1;
    if (layout.bits == 16 && *(const uint8_t *)&one) png_set_swap(png);
  }
  int passes = png_set_interlace_handling(png);
  png_read_update_info(png, s->info);
  size_t stride = (size_t)layout.width * layout.channels * (layout.bits / 8);
  if (png_get_rowbytes(png, s->info) != stride) png_error(png, "rows of an unexpected length");
  for (int pass = 0; pass < passes; pass++)
    for (uint32_t y = 0; y < layout.height; y++) png_read_row(png, samples + stride * y, NULL);
  // Checks the last checksums, and that the file is whole.
  png_read_end(png, NULL);
  return CODEC_OK;
}

int codec_png_decode(const uint8_t *data, size_t size, int indices, const codec_layout *layout, void *samples,
                     char *message) {
  struct session s;
  memset(&s, 0, sizeof s);
  s.message = message;
  s.data = data;
  s.left = size;
  int result = run_decode(&s, indices, layout, samples);
  png_destroy_read_struct(&s.png, &s.info, NULL);
  return result;
}

static void on_write(png_structp png, png_bytep bytes, size_t count) {
  struct session *s = png_get_io_ptr(png);
  if (count > s->room - s->used) {
    size_t room = s->room * 2 > s->used + count ? s->room * 2 : s->used + count + 4096;
    uint8_t *larger = realloc(s->out, room);
    if (!larger) png_error(png, "not enough memory");
    s->out = larger;
    s->room = room;
  }
  memcpy(s->out + s->used, bytes, count);
  s->used += count;
}

static void on_flush(png_structp png) { (void)png; }

// Eight samples to a byte, the first highest; any value but 0 is white.
static void pack(const uint8_t *row, uint32_t width, uint8_t *line) {
  uint32_t whole = width / 8;
  for (uint32_t i = 0; i < whole; i++, row += 8)
    line[i] = (uint8_t)((row[0] != 0) << 7 | (row[1] != 0) << 6 | (row[2] != 0) << 5 | (row[3] != 0) << 4 |
                        (row[4] != 0) << 3 | (row[5] != 0) << 2 | (row[6] != 0) << 1 | (row[7] != 0));
  if (width % 8 == 0) return;
  line[whole] = 0;
  for (uint32_t i = 0; i < width % 8; i++) line[whole] |= (uint8_t)((row[i] != 0) << (7 - i));
}

static int run_encode(struct session *s, const uint8_t *samples, uint32_t width, uint32_t height,
                      uint32_t channels, uint32_t bits) {
  if (setjmp(s->jump)) return CODEC_DAMAGED;
  s->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, s, on_error, on_warning);
  if (s->png) s->info = png_create_info_struct(s->png);
  size_t packed = ((size_t)width + 7) / 8;
  if (bits == 1) s->line = malloc(packed);
  if (!s->info || (bits == 1 && !s->line)) {
    snprintf(s->message, CODEC_MESSAGE_LENGTH, "not enough memory");
    return CODEC_DAMAGED;
  }
  png_structp png = s->png;
  png_set_write_fn(png, s, on_write, on_flush);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_set_IHDR(png, s->info, width, height, (int)bits, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  // Once rows are filtered, what repeats in photographs and masks is runs of equal bytes. Looking for longer
  // matches takes four times the time for files that are a few percent smaller.
  png_set_compression_strategy(png, Z_RLE);
  if (bits == 1) png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_UP);
  png_write_info(png, s->info);
  for (uint32_t y = 0; y < height; y++) {
    const uint8_t *row = samples + (size_t)width * channels * (bits == 16 ? 2 : 1) * y;
    if (bits == 1) {
      pack(row, width, s->line);
      row = s->line;
    }
    png_write_row(png, row);
  }
  png_write_end(png, NULL);
  return CODEC_OK;
}

int codec_png_encode(const uint8_t *samples, uint32_t width, uint32_t height, uint32_t channels, uint32_t bits,
                     uint8_t **out, size_t *out_size, char *message) {
  struct session s;
  memset(&s, 0, sizeof s);
  s.message = message;
  int result = run_encode(&s, samples, width, height, channels, bits);
  png_destroy_write_struct(&s.png, &s.info);
  free(s.line);
  if (result != CODEC_OK) {
    free(s.out);
    s.out = NULL;
    s.used = 0;
  }
  *out = s.out;
  *out_size = s.used;
  return result;
}
