// How a video is shown: size, turn and time of its frames.
#include "reader.h"

#ifdef HAS_VIDEO
#include <math.h>
#include <stdlib.h>
#include <string.h>

// Shapes of pixels beyond 1:10 are mistakes of a file, and count as square.
static AVRational pixel_shape(struct video_reader *r) {
  AVRational shape = av_guess_sample_aspect_ratio(r->format, r->stream, r->frame);
  double ratio = shape.den ? av_q2d(shape) : 0;
  return ratio < 0.1 || ratio > 10 ? (AVRational){1, 1} : shape;
}

// The display matrix of the container, or that of the first frame.
static const int32_t *display_matrix(struct video_reader *r) {
  const uint8_t *matrix = NULL;
// The stream's side data moved to its codec parameters in FFmpeg 6.1.
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
  const AVPacketSideData *data = av_packet_side_data_get(
    r->stream->codecpar->coded_side_data, r->stream->codecpar->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  if (data && (size_t)data->size >= 9 * sizeof(int32_t)) matrix = data->data;
#else
  for (int i = 0; i < r->stream->nb_side_data; i++) {
    const AVPacketSideData *data = &r->stream->side_data[i];
    if (data->type == AV_PKT_DATA_DISPLAYMATRIX && (size_t)data->size >= 9 * sizeof(int32_t)) matrix = data->data;
  }
#endif
  if (!matrix) {
    const AVFrameSideData *data = av_frame_get_side_data(r->frame, AV_FRAME_DATA_DISPLAYMATRIX);
    if (data && (size_t)data->size >= 9 * sizeof(int32_t)) matrix = data->data;
  }
  return (const int32_t *)matrix;
}

// The number of EXIF of the quarter turn and mirroring that is nearest to a display matrix. A stored pixel (x, y) is
// shown at (a x + c y, b x + d y).
static int nearest_orientation(const int32_t *matrix) {
  if (!matrix) return 1;
  int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  int64_t straight = llabs(a) + llabs(d), turned = llabs(b) + llabs(c);
  if (straight == 0 && turned == 0) return 1;
  if (straight >= turned) return a < 0 ? (d < 0 ? 3 : 2) : (d < 0 ? 4 : 1);
  return c < 0 ? (b < 0 ? 7 : 6) : (b < 0 ? 8 : 5);
}

static void describe_time(struct video_reader *r, video_properties *properties) {
  const AVStream *stream = r->stream;
  AVRational rate = av_guess_frame_rate(r->format, r->stream, r->frame);
  properties->frame_rate = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
  properties->time_base_num = stream->time_base.num;
  properties->time_base_den = stream->time_base.den;
  properties->duration = -1;
  if (stream->duration != AV_NOPTS_VALUE && stream->duration > 0)
    properties->duration = (double)stream->duration * av_q2d(stream->time_base);
  else if (r->format->duration != AV_NOPTS_VALUE && r->format->duration > 0)
    properties->duration = (double)r->format->duration / AV_TIME_BASE;
  properties->frame_count = stream->nb_frames > 0 ? stream->nb_frames : 0;
  double step = properties->frame_rate > 0 ? 1 / (properties->frame_rate * av_q2d(stream->time_base)) : 1;
  r->step = step >= 1 && step < 1e15 ? llrint(step) : 1;
}

int describe(struct video_reader *r, int64_t maximum_pixels, video_properties *properties, char *message) {
  const AVFrame *frame = r->frame;
  AVRational shape = pixel_shape(r);
  // The longer side of a pixel gives the size of a square, so no sample is lost.
  double ratio = av_q2d(shape);
  int64_t width = ratio > 1 ? llrint(frame->width * ratio) : frame->width;
  int64_t height = ratio < 1 ? llrint(frame->height / ratio) : frame->height;
  r->orientation = nearest_orientation(display_matrix(r));
  r->stored_width = frame->width;
  r->stored_height = frame->height;
  int swaps = r->orientation >= 5;
  properties->width = (int32_t)(swaps ? height : width);
  properties->height = (int32_t)(swaps ? width : height);
  properties->stored_width = frame->width;
  properties->stored_height = frame->height;
  properties->pixel_width = shape.num;
  properties->pixel_height = shape.den;
  properties->orientation = r->orientation;
  if (width * height > maximum_pixels) return VIDEO_TOO_LARGE;

  const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
  properties->channels = is_grey(format) ? 1 : 3;
  properties->bits = format ? format->comp[0].depth : 8;
  properties->full_range = is_full_range(frame);
  properties->high_dynamic_range =
    frame->color_trc == AVCOL_TRC_SMPTE2084 || frame->color_trc == AVCOL_TRC_ARIB_STD_B67;
  const char *name = av_get_pix_fmt_name(frame->format), *matrix = av_color_space_name(matrix_of(frame));
  snprintf(properties->pixel_format, sizeof properties->pixel_format, "%s", name ? name : "unknown");
  snprintf(properties->matrix, sizeof properties->matrix, "%s", matrix ? matrix : "unknown");
  describe_time(r, properties);
  r->has_first = 1;
  int result = picture_open(&r->picture, (int)width, (int)height, properties->channels);
  if (result != VIDEO_OK) log_message(message, "", AVERROR(ENOMEM));
  return result;
}

static int64_t duration_of(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 2, 100)
  return frame->duration > 0 ? frame->duration : 0;
#else
  return frame->pkt_duration > 0 ? frame->pkt_duration : 0;
#endif
}

static int is_key(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
  return (frame->flags & AV_FRAME_FLAG_KEY) != 0;
#else
  return frame->key_frame != 0;
#endif
}

static int is_interlaced(const AVFrame *frame) {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 29, 100)
  return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
  return frame->interlaced_frame != 0;
#endif
}

// The stream's timestamp where it has one after that of the frame before; else one step later.
static void set_time(struct video_reader *r, video_frame *out) {
  const AVFrame *frame = r->frame;
  int64_t pts = frame->best_effort_timestamp;
  out->duration = duration_of(frame);
  int is_missing = pts == AV_NOPTS_VALUE || llabs(pts) > INT64_MAX / 4;
  if (is_missing || (r->count > 0 && pts <= r->last_pts)) {
    out->is_estimated = 1;
    pts = r->count == 0 ? 0 : r->last_pts + (is_missing && r->last_pts < INT64_MAX / 2 ? r->step : 1);
  }
  out->pts = pts;
  r->last_pts = pts;
  if (out->duration > 0 && out->duration < INT32_MAX) r->step = out->duration;
}

int video_next(video_reader *r, video_frame *frame, char *message) {
  memset(frame, 0, sizeof *frame);
  if (r->has_first) {
    r->has_first = 0;
  } else {
    log_begin();
    int result = decode_frame(r, message);
    if (result != VIDEO_OK) return result;
  }
  set_time(r, frame);
  int is_bad = r->frame->decode_error_flags != 0 || (r->frame->flags & AV_FRAME_FLAG_CORRUPT) != 0;
  // A key frame depends on none before it. The damage of a packet is known before the frames come out that stand
  // before it.
  if (is_key(r->frame) && !is_bad && frame->pts > r->suspect_pts) r->is_suspect = 0;
  if (is_bad) suspect(r, frame->pts);
  frame->is_damaged = r->is_suspect;
  frame->is_interlaced = is_interlaced(r->frame);
  frame->is_resized = r->frame->width != r->stored_width || r->frame->height != r->stored_height;
  frame->index = r->count++;
  return VIDEO_OK;
}

int video_pixels(video_reader *r, uint8_t *pixels, size_t size, char *message) {
  const struct picture *picture = &r->picture;
  if (!r->frame->data[0] || size != (size_t)picture->out_width * picture->out_height * picture->channels) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "no frame of %zu bytes was decoded", size);
    return VIDEO_DAMAGED;
  }
  int result = picture_convert(&r->picture, r->frame, message);
  if (result == VIDEO_OK) picture_copy(picture, r->orientation, pixels);
  return result;
}

int video_ended_early(const video_reader *r, int64_t *bad_packets) {
  *bad_packets = r->bad_packets;
  return r->ended_early;
}
#else
#include <stdio.h>

int video_next(video_reader *reader, video_frame *frame, char *message) {
  (void)reader, (void)frame;
  snprintf(message, VIDEO_MESSAGE_LENGTH, "built without FFmpeg");
  return VIDEO_ABSENT;
}

int video_pixels(video_reader *reader, uint8_t *pixels, size_t size, char *message) {
  (void)reader, (void)pixels, (void)size;
  snprintf(message, VIDEO_MESSAGE_LENGTH, "built without FFmpeg");
  return VIDEO_ABSENT;
}

int video_ended_early(const video_reader *reader, int64_t *bad_packets) {
  (void)reader;
  *bad_packets = 0;
  return 0;
}
#endif
