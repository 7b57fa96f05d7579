// A video that is read, for the two files that know it.
#pragma once
#include "parts.h"

#ifdef HAS_VIDEO
#include <stdio.h>

struct video_reader {
  struct stream source;
  AVIOContext *io;
  AVFormatContext *format;
  AVStream *stream;
  AVCodecContext *decoder;
  AVPacket *packet;
  // Decoded last.
  AVFrame *frame;
  struct picture picture;
  int orientation, stored_width, stored_height;
  // Whether the first frame waits, which was decoded when the video was opened.
  int has_first;
  // Frames given so far; the timestamp of the last one and the step after it.
  int64_t count, last_pts, step;
  // Calls without a frame since the last one.
  int silent;
  // Whether the packet that was read last is incomplete.
  int is_cut;
  int is_draining, ended_early;
  int64_t bad_packets;
  // Whether frames may depend on damage, and the timestamps of the last packet and of the last damage.
  int is_suspect;
  int64_t sent_pts, suspect_pts;
};

// Marks the frames from this timestamp on as suspect, to the next key frame.
void suspect(struct video_reader *reader, int64_t pts);

// Decodes the next frame into `frame`.
int decode_frame(struct video_reader *reader, char *message);

// Fills the properties from the stream and the first frame, and makes ready for conversion.
int describe(struct video_reader *reader, int64_t maximum_pixels, video_properties *properties, char *message);
#endif
