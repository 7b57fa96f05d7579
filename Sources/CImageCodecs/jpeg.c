// JPEG through libjpeg-turbo. libjpeg reports errors by a call that must not return, hence setjmp.
#include "piece.h"

#include <setjmp.h>
#include <stdnoreturn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

// A few kB can hold a progressive file of so many scans that it decodes for hours; real ones have about ten.
enum { maximum_scans = 500 };

struct session {
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf jump;
  char *message;
  int result;
  // What of a TIFF is read: its tables, which may lack their end, or a strip or tile.
  int is_table, is_piece;
};

static noreturn void fail(struct session *s, int result, const char *text) {
  s->result = result;
  snprintf(s->message, CODEC_MESSAGE_LENGTH, "%s", text);
  longjmp(s->jump, 1);
}

static void on_error(j_common_ptr jpeg) {
  struct session *s = jpeg->client_data;
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  switch (jpeg->err->msg_code) {
  case JERR_SOF_UNSUPPORTED:
  case JERR_BAD_PRECISION:
  case JERR_CONVERSION_NOTIMPL:
  case JERR_ARITH_NOTIMPL:
  case JERR_NOT_COMPILED: fail(s, CODEC_UNSUPPORTED, text);
  case JERR_NO_BACKING_STORE: fail(s, CODEC_UNSUPPORTED, "its scans need more than 1 GiB of memory");
  }
  fail(s, CODEC_DAMAGED, text);
}

// Whether the end of the bytes can lose a pixel. A sequential file of one scan that lacks bits gets another warning at
// the first of them, so there the end alone loses nothing.
static int end_loses(struct session *s, j_common_ptr common) {
  if (s->is_table) return 0;
  if (!s->is_piece || !common->is_decompressor) return 1;
  j_decompress_ptr jpeg = (j_decompress_ptr)common;
  return jpeg->progressive_mode || jpeg->arith_code || jpeg->comps_in_scan != jpeg->num_components;
}

// libjpeg fills what is missing with grey and only warns; here missing or broken data is an error. Bytes between
// segments and odd headers lose no pixel, so those warnings pass.
static void on_message(j_common_ptr jpeg, int level) {
  struct session *s = jpeg->client_data;
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
  case JWRN_ADOBE_XFORM:
  case JWRN_EXTRANEOUS_DATA:
  case JWRN_JFIF_MAJOR:
  case JWRN_NOT_SEQUENTIAL:
  case JWRN_TOO_MUCH_DATA: return;
  case JWRN_JPEG_EOF:
    if (!end_loses(s, jpeg)) return;
  }
  char text[JMSG_LENGTH_MAX];
  jpeg->err->format_message(jpeg, text);
  fail(s, CODEC_DAMAGED, text);
}

static void on_output(j_common_ptr jpeg) { (void)jpeg; }

static void on_progress(j_common_ptr jpeg) {
  if (jpeg->is_decompressor && ((j_decompress_ptr)jpeg)->input_scan_number > maximum_scans)
    fail(jpeg->client_data, CODEC_DAMAGED, "more than 500 scans");
}

static void prepare(struct session *s, struct jpeg_error_mgr **err, void **client_data, char *message) {
  s->message = message;
  s->result = CODEC_OK;
  *err = jpeg_std_error(&s->errors);
  s->errors.error_exit = on_error;
  s->errors.emit_message = on_message;
  s->errors.output_message = on_output;
  s->progress.progress_monitor = on_progress;
  *client_data = s;
}

static void start(struct session *s, struct jpeg_decompress_struct *jpeg) {
  jpeg_create_decompress(jpeg);
  jpeg->progress = &s->progress;
  jpeg->mem->max_memory_to_use = (long)CODEC_MEMORY;
}

static void open_header(struct session *s, struct jpeg_decompress_struct *jpeg, const uint8_t *data, size_t size,
                        int denominator, codec_layout *layout) {
  start(s, jpeg);
  jpeg_mem_src(jpeg, (unsigned char *)data, (unsigned long)size);
  jpeg_read_header(jpeg, TRUE);
  memset(layout, 0, sizeof *layout);
  layout->bits = 8;
  layout->orientation = 1;
  switch (jpeg->jpeg_color_space) {
  case JCS_GRAYSCALE:
    jpeg->out_color_space = JCS_GRAYSCALE;
    layout->channels = 1;
    break;
  case JCS_YCbCr:
  case JCS_RGB:
    jpeg->out_color_space = JCS_RGB;
    layout->channels = 3;
    break;
  case JCS_CMYK:
  case JCS_YCCK:
    jpeg->out_color_space = JCS_CMYK;
    layout->channels = 3;
    break;
  default: fail(s, CODEC_UNSUPPORTED, "its colour space is none of grey, YCbCr, RGB, CMYK");
  }
  jpeg->scale_num = 1;
  jpeg->scale_denom = (unsigned)denominator;
  jpeg_calc_output_dimensions(jpeg);
  layout->width = jpeg->output_width;
  layout->height = jpeg->output_height;
}

static int run_layout(struct session *s, struct jpeg_decompress_struct *jpeg, const uint8_t *data, size_t size,
                      int denominator, codec_layout *layout) {
  if (setjmp(s->jump)) return s->result;
  open_header(s, jpeg, data, size, denominator, layout);
  return CODEC_OK;
}

int codec_jpeg_layout(const uint8_t *data, size_t size, int denominator, codec_layout *layout, char *message) {
  struct session s;
  struct jpeg_decompress_struct jpeg;
  memset(&s, 0, sizeof s);
  memset(&jpeg, 0, sizeof jpeg);
  prepare(&s, &jpeg.err, &jpeg.client_data, message);
  int result = run_layout(&s, &jpeg, data, size, denominator, layout);
  jpeg_destroy_decompress(&jpeg);
  return result;
}

// Almost every writer of CMYK stores it inverted, as Photoshop does: 255 is no ink. Other readers therefore take it as
// inverted without a look at the marker of Adobe, and so does this one.
static void cmyk_to_rgb(const uint8_t *line, uint8_t *out, uint32_t width) {
  for (uint32_t x = 0; x < width; x++)
    for (uint32_t c = 0; c < 3; c++)
      out[x * 3 + c] = (uint8_t)codec_light(255u - line[x * 4 + c], 255u - line[x * 4 + 3], 255);
}

static int run_decode(struct session *s, struct jpeg_decompress_struct *jpeg, const uint8_t *data, size_t size,
                      int denominator, const codec_layout *expected, uint8_t *samples) {
  if (setjmp(s->jump)) return s->result;
  codec_layout layout;
  open_header(s, jpeg, data, size, denominator, &layout);
  jpeg_start_decompress(jpeg);
  if (memcmp(&layout, expected, sizeof layout) || jpeg->output_width != layout.width ||
      jpeg->output_height != layout.height)
    fail(s, CODEC_DAMAGED, "its header changed while it was read");
  int is_cmyk = jpeg->out_color_space == JCS_CMYK;
  size_t stride = (size_t)layout.width * layout.channels;
  JSAMPARRAY line = NULL;
  if (is_cmyk)  // The library frees what is in its own pool, also after an error.
    line = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, layout.width * 4, 1);
  while (jpeg->output_scanline < jpeg->output_height) {
    uint8_t *row = samples + stride * jpeg->output_scanline;
    JSAMPROW direct = row;
    if (jpeg_read_scanlines(jpeg, is_cmyk ? line : &direct, 1) != 1) fail(s, CODEC_DAMAGED, "rows are missing");
    if (is_cmyk) cmyk_to_rgb(line[0], row, layout.width);
  }
  jpeg_finish_decompress(jpeg);
  return CODEC_OK;
}

int codec_jpeg_decode(const uint8_t *data, size_t size, int denominator, const codec_layout *layout,
                      uint8_t *samples, char *message) {
  struct session s;
  struct jpeg_decompress_struct jpeg;
  memset(&s, 0, sizeof s);
  memset(&jpeg, 0, sizeof jpeg);
  prepare(&s, &jpeg.err, &jpeg.client_data, message);
  int result = run_decode(&s, &jpeg, data, size, denominator, layout, samples);
  jpeg_destroy_decompress(&jpeg);
  return result;
}

static int run_piece(struct session *s, struct jpeg_decompress_struct *jpeg, const struct jpeg_piece *piece,
                     uint8_t *samples) {
  if (setjmp(s->jump)) return s->result;
  start(s, jpeg);
  if (piece->tables_size) {
    s->is_table = 1;
    jpeg_mem_src(jpeg, (unsigned char *)piece->tables, (unsigned long)piece->tables_size);
    if (jpeg_read_header(jpeg, FALSE) != JPEG_HEADER_TABLES_ONLY)
      fail(s, CODEC_DAMAGED, "its JPEG tables hold a picture");
    s->is_table = 0;
  }
  jpeg_mem_src(jpeg, (unsigned char *)piece->data, (unsigned long)piece->size);
  jpeg_read_header(jpeg, TRUE);
  s->is_piece = 1;
  if (jpeg->num_components != (int)piece->samples)
    fail(s, CODEC_DAMAGED, "a strip or tile has another number of samples than the picture");
  if (jpeg->image_width != piece->width || jpeg->image_height < piece->height)
    fail(s, CODEC_DAMAGED, "a strip or tile has another size than its header says");
  jpeg->jpeg_color_space = piece->is_ycbcr ? JCS_YCbCr : JCS_UNKNOWN;
  jpeg->out_color_space = piece->is_ycbcr ? JCS_RGB : JCS_UNKNOWN;
  jpeg_start_decompress(jpeg);
  size_t stride = (size_t)piece->width * piece->samples;
  JSAMPARRAY spare = jpeg->mem->alloc_sarray((j_common_ptr)jpeg, JPOOL_IMAGE, (JDIMENSION)stride, 1);
  while (jpeg->output_scanline < jpeg->output_height) {
    JSAMPROW row = jpeg->output_scanline < piece->height ? samples + stride * jpeg->output_scanline : spare[0];
    if (jpeg_read_scanlines(jpeg, &row, 1) != 1) fail(s, CODEC_DAMAGED, "rows are missing");
  }
  jpeg_finish_decompress(jpeg);
  return CODEC_OK;
}

int codec_jpeg_piece(const struct jpeg_piece *piece, uint8_t *samples, char *message) {
  struct session s;
  struct jpeg_decompress_struct jpeg;
  memset(&s, 0, sizeof s);
  memset(&jpeg, 0, sizeof jpeg);
  prepare(&s, &jpeg.err, &jpeg.client_data, message);
  int result = run_piece(&s, &jpeg, piece, samples);
  jpeg_destroy_decompress(&jpeg);
  return result;
}

static int run_encode(struct session *s, struct jpeg_compress_struct *jpeg, const uint8_t *samples,
                      uint32_t width, uint32_t height, uint32_t channels, int quality, unsigned char **out,
                      unsigned long *out_size) {
  if (setjmp(s->jump)) return s->result;
  jpeg_create_compress(jpeg);
  jpeg_mem_dest(jpeg, out, out_size);
  jpeg->image_width = width;
  jpeg->image_height = height;
  jpeg->input_components = (int)channels;
  jpeg->in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(jpeg);
  jpeg_set_quality(jpeg, quality, TRUE);
  jpeg_start_compress(jpeg, TRUE);
  while (jpeg->next_scanline < height) {
    JSAMPROW row = (JSAMPROW)(samples + (size_t)width * channels * jpeg->next_scanline);
    jpeg_write_scanlines(jpeg, &row, 1);
  }
  jpeg_finish_compress(jpeg);
  return CODEC_OK;
}

int codec_jpeg_encode(const uint8_t *samples, uint32_t width, uint32_t height, uint32_t channels, int quality,
                      uint8_t **out, size_t *out_size, char *message) {
  struct session s;
  struct jpeg_compress_struct jpeg;
  memset(&s, 0, sizeof s);
  memset(&jpeg, 0, sizeof jpeg);
  prepare(&s, &jpeg.err, &jpeg.client_data, message);
  // libjpeg sets the buffer only when it ends well, and then owns nothing; until then it may hold an older one.
  unsigned char *buffer = NULL;
  unsigned long length = 0;
  int result = run_encode(&s, &jpeg, samples, width, height, channels, quality, &buffer, &length);
  if (result != CODEC_OK && jpeg.dest) jpeg.dest->term_destination(&jpeg);
  jpeg_destroy_compress(&jpeg);
  if (result != CODEC_OK) {
    free(buffer);
    buffer = NULL;
  }
  *out = buffer;
  *out_size = length;
  return result;
}
