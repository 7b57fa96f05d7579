// One pass over a video: best stream, send a packet, receive frames, drain.
#include "reader.h"

#ifdef HAS_VIDEO
#include <errno.h>
#include <stdlib.h>
#include <string.h>

// The containers that are read, by FFmpeg's names. Playlists and other lists of files are not among them.
static const char containers[] =
  "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,asf,flv,ogg,ivf,mxf,dv,nut";

// A sound video gives its first frame after some packets; this many without one are no video.
enum { maximum_silent_packets = 5000 };

static int64_t area(int64_t width, int64_t height) { return width * height; }

static int fail(char *message, int result, const char *text, int code) {
  log_message(message, text, code);
  return result;
}

// The error of a call that read: the system's, where it failed beneath.
static int read_failure(const struct video_reader *r, char *message, int result, const char *text, int code) {
  int failure = r->source.failure ? r->source.failure : code == AVERROR(ENOMEM) ? ENOMEM : 0;
  if (!failure) return fail(message, result, text, code);
  snprintf(message, VIDEO_MESSAGE_LENGTH, "%s", strerror(failure));
  return VIDEO_SYSTEM;
}

static int open_container(struct video_reader *r, char *message) {
  r->io = stream_open(&r->source, 0);
  r->format = avformat_alloc_context();
  if (!r->io || !r->format) return fail(message, VIDEO_SYSTEM, "", AVERROR(ENOMEM));
  r->format->pb = r->io;
  r->format->flags |= AVFMT_FLAG_CUSTOM_IO;
  r->format->io_open = refuse_file;
  AVDictionary *settings = NULL;
  av_dict_set(&settings, "format_whitelist", containers, 0);
  av_dict_set(&settings, "protocol_whitelist", "none", 0);
  // On an error this frees the format.
  int code = avformat_open_input(&r->format, "", NULL, &settings);
  av_dict_free(&settings);
  // A container that is not recognised is an error without a line in the log.
  int is_unknown = code == AVERROR_INVALIDDATA && log_is_empty() && !r->source.failure;
  if (is_unknown || code == AVERROR(EINVAL) || code == AVERROR_DEMUXER_NOT_FOUND ||
      code == AVERROR_PROTOCOL_NOT_FOUND) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "its container is not known");
    return VIDEO_NO_VIDEO;
  }
  if (code < 0) return read_failure(r, message, VIDEO_DAMAGED, "", code);
  code = avformat_find_stream_info(r->format, NULL);
  if (code < 0) return read_failure(r, message, VIDEO_DAMAGED, "", code);
  return VIDEO_OK;
}

static int is_picture(const AVStream *stream) {
  return (stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) != 0;
}

// The default stream before others, then the largest picture, then the first.
static int choose_stream(struct video_reader *r, video_properties *properties, char *message) {
  int best = -1;
  for (unsigned i = 0; i < r->format->nb_streams; i++) {
    AVStream *stream = r->format->streams[i];
    stream->discard = AVDISCARD_ALL;
    if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO || is_picture(stream)) continue;
    properties->streams++;
    if (best >= 0) {
      const AVStream *other = r->format->streams[best];
      int by_default = (stream->disposition & AV_DISPOSITION_DEFAULT) - (other->disposition & AV_DISPOSITION_DEFAULT);
      int64_t by_area = area(stream->codecpar->width, stream->codecpar->height) -
                        area(other->codecpar->width, other->codecpar->height);
      if (by_default < 0 || (by_default == 0 && by_area <= 0)) continue;
    }
    best = (int)i;
  }
  if (best < 0) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "it has no video, only sound, text or attached pictures");
    return VIDEO_NO_VIDEO;
  }
  r->stream = r->format->streams[best];
  r->stream->discard = AVDISCARD_DEFAULT;
  return VIDEO_OK;
}

static int open_decoder(struct video_reader *r, const video_options *options, video_properties *properties,
                        char *message) {
  const AVCodecParameters *parameters = r->stream->codecpar;
  const char *name = avcodec_get_name(parameters->codec_id);
  snprintf(properties->codec, sizeof properties->codec, "%s", name);
  char tag[AV_FOURCC_MAX_STRING_SIZE];
  av_fourcc_make_string(tag, parameters->codec_tag);
  if (parameters->codec_tag == MKTAG('e', 'n', 'c', 'v')) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "its %s is encrypted", name);
    return VIDEO_ENCRYPTED;
  }
  const AVCodec *codec = avcodec_find_decoder(parameters->codec_id);
  if (parameters->codec_id == AV_CODEC_ID_NONE && !parameters->codec_tag) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "it does not say what its codec is");
    return VIDEO_DAMAGED;
  }
  if (!codec) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "the codec %s (tag %s), which this FFmpeg does not decode", name, tag);
    return VIDEO_UNSUPPORTED;
  }
  r->decoder = avcodec_alloc_context3(codec);
  if (!r->decoder) return fail(message, VIDEO_SYSTEM, "", AVERROR(ENOMEM));
  int code = avcodec_parameters_to_context(r->decoder, parameters);
  if (code < 0) return read_failure(r, message, VIDEO_DAMAGED, "", code);
  r->decoder->pkt_timebase = r->stream->time_base;
  r->decoder->thread_count = options->threads > 0 ? options->threads : 1;
  r->decoder->max_pixels = options->maximum_pixels;
  code = avcodec_open2(r->decoder, codec, NULL);
  if (code >= 0) return VIDEO_OK;
  snprintf(properties->codec, sizeof properties->codec, "%s", name);
  return read_failure(r, message, VIDEO_UNSUPPORTED, name, code);
}

static int is_encrypted(const AVPacket *packet) {
  for (int i = 0; i < packet->side_data_elems; i++)
    if (packet->side_data[i].type == AV_PKT_DATA_ENCRYPTION_INFO) return 1;
  return 0;
}

// Whether the last frame that the container lists lies beyond the end.
static int lacks_content(const struct video_reader *r) {
// FFmpeg 4.4 does not show its index.
#if LIBAVFORMAT_VERSION_MAJOR >= 59
  int count = avformat_index_get_entries_count(r->stream);
  const AVIndexEntry *last = count > 0 ? avformat_index_get_entry(r->stream, count - 1) : NULL;
  return last && last->pos > r->source.size - last->size;
#else
  (void)r;
  return 0;
#endif
}

// Without a timestamp (AV_NOPTS_VALUE, the least number) any key frame ends the suspicion.
void suspect(struct video_reader *r, int64_t pts) {
  if (!r->is_suspect || pts > r->suspect_pts) r->suspect_pts = pts;
  r->is_suspect = 1;
}

// Gives the decoder the next packet of the stream, or the end.
static int send_packet(struct video_reader *r, char *message) {
  for (;;) {
    int logged = log_count();
    int code = av_read_frame(r->format, r->packet);
    if (code == AVERROR(EAGAIN) && ++r->silent < maximum_silent_packets) continue;
    if (code < 0) {
      if (r->source.failure || code == AVERROR(ENOMEM)) return read_failure(r, message, VIDEO_DAMAGED, "", code);
      // Some containers say in the log alone that content is missing.
      r->ended_early = code != AVERROR_EOF || log_count() > logged || r->is_cut || lacks_content(r);
      r->is_draining = 1;
      avcodec_send_packet(r->decoder, NULL);
      return VIDEO_OK;
    }
    if (r->packet->stream_index == r->stream->index) break;
    av_packet_unref(r->packet);
  }
  if (is_encrypted(r->packet)) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "its %s is encrypted", avcodec_get_name(r->decoder->codec_id));
    return VIDEO_ENCRYPTED;
  }
  r->sent_pts = r->packet->pts;
  r->is_cut = (r->packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
  if (r->is_cut) suspect(r, r->sent_pts);
  int logged = log_count();
  int code = avcodec_send_packet(r->decoder, r->packet);
  av_packet_unref(r->packet);
  if (code == AVERROR(ENOMEM)) return fail(message, VIDEO_SYSTEM, "", code);
  if (code < 0) r->bad_packets++;
  if (code < 0 || log_count() > logged) suspect(r, r->sent_pts);
  return VIDEO_OK;
}

int decode_frame(struct video_reader *r, char *message) {
  av_frame_unref(r->frame);
  for (r->silent = 0;;) {
    // Some decoders conceal damage and say so in the log alone.
    int logged = log_count();
    int code = avcodec_receive_frame(r->decoder, r->frame);
    if (log_count() > logged) suspect(r, r->sent_pts);
    if (code == 0) {
      const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(r->frame->format);
      if (format && !(format->flags & AV_PIX_FMT_FLAG_HWACCEL) && r->frame->width > 0 && r->frame->height > 0)
        return VIDEO_OK;
      av_frame_unref(r->frame);
      code = AVERROR_INVALIDDATA;
    }
    if (code == AVERROR_EOF || (code == AVERROR(EAGAIN) && r->is_draining)) return VIDEO_END;
    if (code == AVERROR(ENOMEM)) return fail(message, VIDEO_SYSTEM, "", code);
    if (++r->silent > maximum_silent_packets) {
      r->ended_early = 1;
      return VIDEO_END;
    }
    if (code == AVERROR(EAGAIN)) {
      int result = send_packet(r, message);
      if (result != VIDEO_OK) return result;
    } else {
      r->bad_packets++;
      suspect(r, r->sent_pts);
    }
  }
}

static int first_frame(struct video_reader *r, char *message) {
  int result = decode_frame(r, message);
  if (result == VIDEO_END) return read_failure(r, message, VIDEO_DAMAGED, "not one frame can be decoded", 0);
  return result;
}

int video_open(int descriptor, const uint8_t *content, size_t size, video_options options, video_reader **reader,
               video_properties *properties, char *message) {
  *reader = NULL;
  memset(properties, 0, sizeof *properties);
  if (ffmpeg_problem()) {
    snprintf(message, VIDEO_MESSAGE_LENGTH, "%s", ffmpeg_problem());
    return VIDEO_SYSTEM;
  }
  log_begin();
  struct video_reader *r = calloc(1, sizeof *r);
  if (!r) return fail(message, VIDEO_SYSTEM, "", AVERROR(ENOMEM));
  r->source = (struct stream){.descriptor = descriptor, .content = content, .size = (int64_t)size};
  r->packet = av_packet_alloc();
  r->frame = av_frame_alloc();
  int result = r->packet && r->frame ? VIDEO_OK : fail(message, VIDEO_SYSTEM, "", AVERROR(ENOMEM));
  if (result == VIDEO_OK) result = open_container(r, message);
  if (result == VIDEO_OK) {
    snprintf(properties->container, sizeof properties->container, "%s", r->format->iformat->name);
    result = choose_stream(r, properties, message);
  }
  if (result == VIDEO_OK) {
    // A container that states the size lets a bomb be refused before it is decoded.
    properties->width = r->stream->codecpar->width;
    properties->height = r->stream->codecpar->height;
    if (area(properties->width, properties->height) > options.maximum_pixels) result = VIDEO_TOO_LARGE;
  }
  if (result == VIDEO_OK) result = open_decoder(r, &options, properties, message);
  if (result == VIDEO_OK) result = first_frame(r, message);
  if (result == VIDEO_OK) result = describe(r, options.maximum_pixels, properties, message);
  if (result == VIDEO_OK) *reader = r;
  else video_close(r);
  return result;
}

void video_close(video_reader *r) {
  if (!r) return;
  picture_close(&r->picture);
  av_frame_free(&r->frame);
  av_packet_free(&r->packet);
  avcodec_free_context(&r->decoder);
  avformat_close_input(&r->format);
  stream_close(&r->io);
  free(r);
}
#else
#include <stdio.h>

int video_open(int descriptor, const uint8_t *content, size_t size, video_options options, video_reader **reader,
               video_properties *properties, char *message) {
  (void)descriptor, (void)content, (void)size, (void)options, (void)properties;
  *reader = 0;
  snprintf(message, VIDEO_MESSAGE_LENGTH, "built without FFmpeg");
  return VIDEO_ABSENT;
}

void video_close(video_reader *reader) { (void)reader; }
#endif
