// Writing a video: H.264 or MPEG-4 in MP4, FFV1 in Matroska, each frame at the time that it is given.
#include "parts.h"

#include <stdio.h>

#ifdef HAS_VIDEO
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  // Frames that an encoder may hold back.
  maximum_delay = 512,
  // MP4 counts the steps between frames in 32 bits, so finer units would end after minutes without a frame.
  finest_unit = 2000000,
};

struct video_writer {
  struct stream sink;
  video_target target;
  AVIOContext *io;
  AVFormatContext *format;
  AVStream *stream;
  AVCodecContext *encoder;
  AVPacket *packet;
  AVFrame *frame;
  struct SwsContext *scaler;
  // RGB with even sides.
  uint8_t *padded[4];
  int padded_strides[4];
  // The unit of time of the moments, and the step after a frame of unknown duration.
  AVRational unit;
  int64_t step;
  // Frames that are encoded and not yet written, in order: no encoder here changes the order.
  struct moment { int64_t pts, duration; } moments[maximum_delay];
  int64_t sent, written, last_pts, last_written;
  // Whether the encoder counts frames, because it knows no fine units of time.
  int counts_frames;
};

static int fail(const struct video_writer *w, char *message, const char *text, int code) {
  int failure = w && w->sink.failure ? w->sink.failure : code == AVERROR(ENOMEM) ? ENOMEM : 0;
  if (failure) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "%s", strerror(failure));
    return VIDEO_SYSTEM;
  }
  log_message(message, text, code);
  return VIDEO_UNSUPPORTED;
}

static const AVCodec *choose_encoder(const video_target *target) {
  if (target->kind == VIDEO_LOSSLESS) return avcodec_find_encoder(AV_CODEC_ID_FFV1);
  const AVCodec *codec = target->without_h264 ? NULL : avcodec_find_encoder_by_name("libx264");
  return codec ? codec : avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

static int open_encoder(struct video_writer *w, char *message) {
  const AVCodec *codec = choose_encoder(&w->target);
  if (!codec) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "this FFmpeg has no encoder for it");
    return VIDEO_UNSUPPORTED;
  }
  AVCodecContext *e = w->encoder = avcodec_alloc_context3(codec);
  if (!e) return fail(w, message, "", AVERROR(ENOMEM));
  int is_lossless = w->target.kind == VIDEO_LOSSLESS;
  int rate = w->target.frame_rate >= 1 && w->target.frame_rate <= 1000 ? (int)lrint(w->target.frame_rate) : 25;
  w->counts_frames = codec->id == AV_CODEC_ID_MPEG4;
  e->width = is_lossless ? w->target.width : (w->target.width + 1) & ~1;
  e->height = is_lossless ? w->target.height : (w->target.height + 1) & ~1;
  e->pix_fmt = is_lossless ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_YUV420P;
  e->sample_aspect_ratio = (AVRational){1, 1};
  e->time_base = w->counts_frames ? (AVRational){1, rate} : w->unit;
  e->framerate = (AVRational){rate, 1};
  e->thread_count = w->target.threads > 0 ? w->target.threads : 1;
  // Frames in their order need no timestamps of decoding, so MP4 keeps the times as they are.
  e->max_b_frames = 0;
  e->flags |= AV_CODEC_FLAG_BITEXACT;
  if (w->format->oformat->flags & AVFMT_GLOBALHEADER) e->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  AVDictionary *settings = NULL;
  if (is_lossless) {
    e->gop_size = 1;
    e->color_range = AVCOL_RANGE_JPEG;
    // Slices with checks, which FFmpeg gets wrong for pictures of some pixels.
    int is_tiny = e->width < 16 || e->height < 16;
    av_dict_set(&settings, "level", is_tiny ? "1" : "3", 0);
    if (!is_tiny) av_dict_set(&settings, "slicecrc", "1", 0);
  } else {
    int is_high = e->width >= 1280 || e->height > 576;
    e->gop_size = 2 * rate < 300 ? 2 * rate : 300;
    e->color_range = AVCOL_RANGE_MPEG;
    e->colorspace = is_high ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    e->color_primaries = is_high ? AVCOL_PRI_BT709 : AVCOL_PRI_SMPTE170M;
    e->color_trc = is_high ? AVCOL_TRC_BT709 : AVCOL_TRC_SMPTE170M;
    if (w->counts_frames) {
      e->flags |= AV_CODEC_FLAG_QSCALE;
      e->global_quality = FF_QP2LAMBDA * 3;
    } else {
      av_dict_set(&settings, "preset", "veryfast", 0);
      av_dict_set(&settings, "crf", "18", 0);
    }
  }
  int code = avcodec_open2(e, codec, &settings);
  av_dict_free(&settings);
  return code < 0 ? fail(w, message, codec->name, code) : VIDEO_OK;
}

static int open_container(struct video_writer *w, char *message) {
  AVStream *stream = w->stream = avformat_new_stream(w->format, NULL);
  if (!stream) return fail(w, message, "", AVERROR(ENOMEM));
  int code = avcodec_parameters_from_context(stream->codecpar, w->encoder);
  if (code < 0) return fail(w, message, "", code);
  stream->time_base = w->unit;
  stream->sample_aspect_ratio = (AVRational){1, 1};
  if (w->target.frame_rate > 0 && w->target.frame_rate < 1e6) stream->avg_frame_rate = av_d2q(w->target.frame_rate, 1000000);
  w->format->avoid_negative_ts = AVFMT_AVOID_NEG_TS_MAKE_NON_NEGATIVE;
  w->format->flags |= AVFMT_FLAG_BITEXACT;
  AVDictionary *settings = NULL;
  // The time before the first frame counts in the unit of the file, which is 1 ms by default.
  if (w->target.kind == VIDEO_OVERLAY) av_dict_set_int(&settings, "movie_timescale", w->unit.den, 0);
  code = avformat_write_header(w->format, &settings);
  av_dict_free(&settings);
  return code < 0 || w->sink.failure ? fail(w, message, "its beginning", code) : VIDEO_OK;
}

static int make_pictures(struct video_writer *w, char *message) {
  AVCodecContext *e = w->encoder;
  w->frame->format = e->pix_fmt;
  w->frame->width = e->width;
  w->frame->height = e->height;
  int code = av_frame_get_buffer(w->frame, 0);
  if (code < 0) return fail(w, message, "", code);
  if (w->target.kind == VIDEO_LOSSLESS) return VIDEO_OK;
  code = av_image_alloc(w->padded, w->padded_strides, e->width + 64, e->height, AV_PIX_FMT_RGB24, 64);
  if (code < 0) return fail(w, message, "", code);
  w->scaler = sws_getContext(e->width, e->height, AV_PIX_FMT_RGB24, e->width, e->height, e->pix_fmt,
                             SWS_BILINEAR | SWS_ACCURATE_RND, NULL, NULL, NULL);
  if (!w->scaler) return fail(w, message, "its pictures cannot be converted", 0);
  sws_setColorspaceDetails(w->scaler, coefficients_of(e->colorspace), 1, coefficients_of(e->colorspace), 0, 0,
                           1 << 16, 1 << 16);
  return VIDEO_OK;
}

int video_create(int descriptor, video_target target, video_writer **writer, char *codec, char *message) {
  *writer = NULL;
  codec[0] = 0;
  if (ffmpeg_problem()) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "%s", ffmpeg_problem());
    return VIDEO_SYSTEM;
  }
  log_begin();
  if (target.width < 1 || target.height < 1 || target.width > 32766 || target.height > 32766 ||
      target.time_base_num < 1 || target.time_base_den < 1) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "%d × %d pixels at units of %d/%d s", target.width, target.height,
             target.time_base_num, target.time_base_den);
    return VIDEO_UNSUPPORTED;
  }
  // FFV1 takes some 150 bytes a pixel at once.
  if (target.kind == VIDEO_LOSSLESS) allow_memory(160 * (size_t)target.width * target.height + (1 << 20));
  struct video_writer *w = calloc(1, sizeof *w);
  if (!w) return fail(NULL, message, "", AVERROR(ENOMEM));
  w->sink.descriptor = descriptor;
  w->target = target;
  w->unit = (AVRational){target.time_base_num, target.time_base_den};
  if (target.time_base_den / target.time_base_num > finest_unit) w->unit = (AVRational){1, 1000000};
  double step = target.frame_rate > 0 ? 1 / (target.frame_rate * av_q2d(w->unit)) : 0;
  w->step = step >= 1 && step < 1e9 ? llrint(step) : 1;
  w->packet = av_packet_alloc();
  w->frame = av_frame_alloc();
  w->io = stream_open(&w->sink, 1);
  const char *container = target.kind == VIDEO_LOSSLESS ? "matroska" : "mp4";
  int code = avformat_alloc_output_context2(&w->format, NULL, container, NULL);
  int result = VIDEO_OK;
  if (!w->packet || !w->frame || !w->io) result = fail(w, message, "", AVERROR(ENOMEM));
  else if (code < 0) result = fail(w, message, "", code);
  if (result == VIDEO_OK) {
    w->format->pb = w->io;
    w->format->flags |= AVFMT_FLAG_CUSTOM_IO;
    w->format->io_open = refuse_file;
    result = open_encoder(w, message);
  }
  if (result == VIDEO_OK) result = open_container(w, message);
  if (result == VIDEO_OK) result = make_pictures(w, message);
  if (result == VIDEO_OK) {
    snprintf(codec, 32, "%s", w->encoder->codec->name);
    *writer = w;
  } else {
    video_discard(w);
  }
  return result;
}

// Writes the packets that the encoder has ready.
static int write_packets(struct video_writer *w, char *message) {
  for (;;) {
    int code = avcodec_receive_packet(w->encoder, w->packet);
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return VIDEO_OK;
    if (code < 0) return fail(w, message, "a frame cannot be encoded", code);
    struct moment moment = w->moments[w->written % maximum_delay];
    AVPacket *packet = w->packet;
    AVRational unit = w->stream->time_base;
    packet->stream_index = w->stream->index;
    packet->pts = av_rescale_q(moment.pts, w->unit, unit);
    // Units of the file may be coarser.
    if (w->written > 0 && packet->pts <= w->last_written) packet->pts = w->last_written + 1;
    packet->dts = packet->pts;
    packet->duration = av_rescale_q(moment.duration, w->unit, unit);
    w->last_written = packet->pts;
    w->written++;
    code = av_write_frame(w->format, packet);
    av_packet_unref(packet);
    if (code < 0 || w->sink.failure) return fail(w, message, "a frame cannot be written", code);
  }
}

// Copies RGB into a picture with even sides; the last column and the last row are repeated.
static void pad(struct video_writer *w, const uint8_t *pixels) {
  size_t width = (size_t)w->target.width, bytes = width * 3;
  for (int y = 0; y < w->encoder->height; y++) {
    int from = y < w->target.height ? y : w->target.height - 1;
    uint8_t *row = w->padded[0] + (ptrdiff_t)y * w->padded_strides[0];
    memcpy(row, pixels + (size_t)from * bytes, bytes);
    if (width % 2) memcpy(row + bytes, row + bytes - 3, 3);
  }
}

int video_append(video_writer *w, const uint8_t *pixels, size_t size, int64_t pts, int64_t duration, char *message) {
  log_begin();
  AVRational given = {w->target.time_base_num, w->target.time_base_den};
  size_t samples = (size_t)w->target.width * w->target.height * (w->target.kind == VIDEO_LOSSLESS ? 1 : 3);
  if (size != samples || (w->sent > 0 && pts <= w->last_pts) || pts > INT64_MAX / 4 || pts < INT64_MIN / 4 ||
      w->sent - w->written >= maximum_delay) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "%zu bytes at time %lld, after time %lld", size, (long long)pts,
             (long long)w->last_pts);
    return VIDEO_UNSUPPORTED;
  }
  int code = av_frame_make_writable(w->frame);
  if (code < 0) return fail(w, message, "", code);
  if (w->target.kind == VIDEO_LOSSLESS) {
    for (int y = 0; y < w->target.height; y++)
      memcpy(w->frame->data[0] + (ptrdiff_t)y * w->frame->linesize[0], pixels + (size_t)y * w->target.width,
             (size_t)w->target.width);
  } else {
    pad(w, pixels);
    sws_scale(w->scaler, (const uint8_t *const *)w->padded, w->padded_strides, 0, w->encoder->height, w->frame->data,
              w->frame->linesize);
  }
  struct moment *moment = &w->moments[w->sent % maximum_delay];
  moment->pts = av_rescale_q(pts, given, w->unit);
  // Without a rate a frame lasts as long as the one before.
  if (w->target.frame_rate <= 0 && w->sent > 0) w->step = av_rescale_q(pts - w->last_pts, given, w->unit);
  moment->duration = duration > 0 ? av_rescale_q(duration, given, w->unit) : w->step;
  w->frame->pts = w->counts_frames ? w->sent : moment->pts;
  code = avcodec_send_frame(w->encoder, w->frame);
  if (code < 0) return fail(w, message, "a frame cannot be encoded", code);
  w->last_pts = pts;
  w->sent++;
  return write_packets(w, message);
}

int video_finish(video_writer *w, char *message) {
  log_begin();
  int code = avcodec_send_frame(w->encoder, NULL);
  if (code < 0 && code != AVERROR_EOF) return fail(w, message, "its last frames cannot be encoded", code);
  int result = write_packets(w, message);
  if (result != VIDEO_OK) return result;
  code = av_write_trailer(w->format);
  avio_flush(w->io);
  return code < 0 || w->sink.failure ? fail(w, message, "its end cannot be written", code) : VIDEO_OK;
}

void video_discard(video_writer *w) {
  if (!w) return;
  sws_freeContext(w->scaler);
  av_freep(&w->padded[0]);
  av_frame_free(&w->frame);
  av_packet_free(&w->packet);
  avcodec_free_context(&w->encoder);
  avformat_free_context(w->format);
  stream_close(&w->io);
  free(w);
}
#endif
