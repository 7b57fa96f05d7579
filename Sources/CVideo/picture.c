// From a decoded frame to upright grey or RGB of 8 bits.
#include "parts.h"

#ifdef HAS_VIDEO
#include <stdio.h>
#include <string.h>

int is_grey(const AVPixFmtDescriptor *format) {
  return format && format->nb_components - (format->flags & AV_PIX_FMT_FLAG_ALPHA ? 1 : 0) == 1 &&
         !(format->flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER | AV_PIX_FMT_FLAG_RGB));
}

// Players guess in this way: the sizes of high definition are BT.709, smaller ones BT.601.
int matrix_of(const AVFrame *frame) {
  const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
  if (format && format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) return AVCOL_SPC_RGB;
  if (frame->colorspace != AVCOL_SPC_UNSPECIFIED && frame->colorspace != AVCOL_SPC_RESERVED &&
      frame->colorspace != AVCOL_SPC_RGB)
    return frame->colorspace;
  return frame->width >= 1280 || frame->height > 576 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

// Formats that mean full range by their name, and the same formats without it.
static int without_range(int format, int *is_full) {
  *is_full = 1;
  switch (format) {
  case AV_PIX_FMT_YUVJ420P: return AV_PIX_FMT_YUV420P;
  case AV_PIX_FMT_YUVJ422P: return AV_PIX_FMT_YUV422P;
  case AV_PIX_FMT_YUVJ444P: return AV_PIX_FMT_YUV444P;
  case AV_PIX_FMT_YUVJ440P: return AV_PIX_FMT_YUV440P;
  case AV_PIX_FMT_YUVJ411P: return AV_PIX_FMT_YUV411P;
  default: *is_full = 0; return format;
  }
}

int is_full_range(const AVFrame *frame) {
  int is_full;
  without_range(frame->format, &is_full);
  if (is_full || frame->color_range == AVCOL_RANGE_JPEG) return 1;
  if (frame->color_range == AVCOL_RANGE_MPEG) return 0;
  const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
  return format && (is_grey(format) || format->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL));
}

const int *coefficients_of(int matrix) {
  switch (matrix) {
  case AVCOL_SPC_BT709: return sws_getCoefficients(SWS_CS_ITU709);
  case AVCOL_SPC_FCC: return sws_getCoefficients(SWS_CS_FCC);
  case AVCOL_SPC_SMPTE240M: return sws_getCoefficients(SWS_CS_SMPTE240M);
  case AVCOL_SPC_BT2020_NCL:
  case AVCOL_SPC_BT2020_CL: return sws_getCoefficients(SWS_CS_BT2020);
  default: return sws_getCoefficients(SWS_CS_ITU601);
  }
}

static int is_known(int matrix) {
  switch (matrix) {
  case AVCOL_SPC_RGB:
  case AVCOL_SPC_BT709:
  case AVCOL_SPC_FCC:
  case AVCOL_SPC_BT470BG:
  case AVCOL_SPC_SMPTE170M:
  case AVCOL_SPC_SMPTE240M:
  case AVCOL_SPC_BT2020_NCL:
  case AVCOL_SPC_BT2020_CL: return 1;
  default: return 0;
  }
}

int picture_open(struct picture *picture, int width, int height, int channels) {
  picture->out_width = width;
  picture->out_height = height;
  picture->channels = channels;
  // swscale writes past the end of a row, so its rows are longer than the picture's.
  int format = channels == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24;
  int code = av_image_alloc(picture->planes, picture->strides, width + 64, height, format, 64);
  return code < 0 ? VIDEO_SYSTEM : VIDEO_OK;
}

static int make_scaler(struct picture *picture, const AVFrame *frame, char *message) {
  int matrix = matrix_of(frame), full = is_full_range(frame), is_full;
  int format = without_range(frame->format, &is_full);
  if (picture->scaler && picture->format == format && picture->width == frame->width &&
      picture->height == frame->height && picture->space == matrix && picture->range == full)
    return VIDEO_OK;
  sws_freeContext(picture->scaler);
  picture->scaler = NULL;
  const char *name = av_get_pix_fmt_name(format);
  if (!sws_isSupportedInput(format)) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "the pixel format %s", name ? name : "unknown");
    return VIDEO_UNSUPPORTED;
  }
  if (!is_known(matrix)) {
    const char *space = av_color_space_name(matrix);
    snprintf(message, VIDEO_MESSAGE_LENGTH, "the colour matrix %s", space ? space : "unknown");
    return VIDEO_UNSUPPORTED;
  }
  // Chroma is interpolated linearly, as JPEG readers do, and sums are rounded. A change of size is bicubic.
  int keeps_size = frame->width == picture->out_width && frame->height == picture->out_height;
  int flags = (keeps_size ? SWS_BILINEAR : SWS_BICUBIC) | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT |
              SWS_FULL_CHR_H_INP;
  picture->scaler = sws_getContext(frame->width, frame->height, format, picture->out_width, picture->out_height,
                                   picture->channels == 1 ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24, flags, NULL, NULL,
                                   NULL);
  if (!picture->scaler) {
    log_message(message, "the picture cannot be converted", 0);
    return VIDEO_UNSUPPORTED;
  }
  // RGB has no matrix and no range; swscale then says that there is nothing to set.
  sws_setColorspaceDetails(picture->scaler, coefficients_of(matrix), full, coefficients_of(AVCOL_SPC_SMPTE170M), 1,
                           0, 1 << 16, 1 << 16);
  picture->format = format;
  picture->width = frame->width;
  picture->height = frame->height;
  picture->space = matrix;
  picture->range = full;
  return VIDEO_OK;
}

int picture_convert(struct picture *picture, const AVFrame *frame, char *message) {
  int result = make_scaler(picture, frame, message);
  if (result != VIDEO_OK) return result;
  int rows = sws_scale(picture->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0, frame->height,
                       picture->planes, picture->strides);
  if (rows == picture->out_height) return VIDEO_OK;
  log_message(message, "the picture cannot be converted", rows);
  return VIDEO_UNSUPPORTED;
}

void picture_copy(const struct picture *picture, int orientation, uint8_t *pixels) {
  int width = picture->out_width, height = picture->out_height, channels = picture->channels;
  ptrdiff_t row = picture->strides[0];
  const uint8_t *from = picture->planes[0];
  if (orientation == 1) {
    size_t bytes = (size_t)width * channels;
    for (int y = 0; y < height; y++) memcpy(pixels + y * bytes, from + y * row, bytes);
    return;
  }
  // The stored pixel at the top left of the upright picture, and the steps from it to the right and down.
  int mirrored = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  int flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  ptrdiff_t along = mirrored ? -channels : channels, down = flipped ? -row : row;
  from += (mirrored ? (ptrdiff_t)(width - 1) * channels : 0) + (flipped ? (ptrdiff_t)(height - 1) * row : 0);
  int swaps = orientation >= 5;
  int columns = swaps ? height : width, rows = swaps ? width : height;
  ptrdiff_t right = swaps ? down : along, below = swaps ? along : down;
  for (int y = 0; y < rows; y++) {
    const uint8_t *source = from + y * below;
    for (int x = 0; x < columns; x++, source += right)
      for (int c = 0; c < channels; c++) *pixels++ = source[c];
  }
}

void picture_close(struct picture *picture) {
  sws_freeContext(picture->scaler);
  picture->scaler = NULL;
  av_freep(&picture->planes[0]);
}
#endif
