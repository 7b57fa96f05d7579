// What the files of this door share.
#pragma once
#include "CVideo.h"

#if __has_include(<mcdrl_has_video.h>)
#define HAS_VIDEO 1
#include "ffmpeg.h"

// Bytes for the libraries: a descriptor, or memory. Its first failure is kept, because they may hide it.
struct stream {
  int descriptor;
  const uint8_t *content;
  int64_t size, position;
  int failure;
};

// A new AVIO context over the stream; null without memory.
AVIOContext *stream_open(struct stream *stream, int writes);
void stream_close(AVIOContext **io);

// Refuses every file that a container asks for.
int refuse_file(struct AVFormatContext *format, AVIOContext **io, const char *url, int flags, AVDictionary **options);

// Silences the libraries, and begins to collect the errors that they log on this thread.
void log_begin(void);
// Raises the most bytes that FFmpeg may take at once, for the whole process.
void allow_memory(size_t bytes);
int log_is_empty(void);
// The errors that were logged on this thread, ever.
int log_count(void);
// Writes `text` and the last error that was logged, or else the text of `code`, if it is one.
void log_message(char *message, const char *text, int code);

// Conversion of frames to grey or RGB of 8 bits.
struct picture {
  struct SwsContext *scaler;
  // For which the scaler was made.
  int format, width, height, space, range;
  // The converted picture before it is turned.
  uint8_t *planes[4];
  int strides[4];
  int out_width, out_height, channels;
};

// Whether the samples are grey.
int is_grey(const AVPixFmtDescriptor *format);
// The matrix of a frame (AVCOL_SPC_…), a guess by its size where it states none.
int matrix_of(const AVFrame *frame);
int is_full_range(const AVFrame *frame);
// The coefficients of a matrix for swscale.
const int *coefficients_of(int matrix);

int picture_open(struct picture *picture, int width, int height, int channels);
// Converts a frame into the planes.
int picture_convert(struct picture *picture, const AVFrame *frame, char *message);
// Copies the planes, turned by an orientation of 1 to 8.
void picture_copy(const struct picture *picture, int orientation, uint8_t *pixels);
void picture_close(struct picture *picture);
#endif
