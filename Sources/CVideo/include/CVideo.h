// The door to FFmpeg's libraries: from a file or bytes in memory to frames of 8 bits, and back into a file.
// No function prints or exits; each reports what went wrong in `message`. The libraries never open a file themselves:
// they read and write through the descriptor or the bytes that they are given.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Room, in bytes, that every `message` argument must have.
#define VIDEO_MESSAGE_LENGTH 400

enum {
  VIDEO_OK = 0,
  /// There are no more frames.
  VIDEO_END = 1,
  /// The content is cut short or corrupt.
  VIDEO_DAMAGED = 2,
  /// The content may be sound, but this kind is not read or written.
  VIDEO_UNSUPPORTED = 3,
  /// The content is in none of the containers that are read, or has no pictures that move.
  VIDEO_NO_VIDEO = 4,
  /// The content is encrypted.
  VIDEO_ENCRYPTED = 5,
  /// The picture has more pixels than allowed; width and height are in the properties.
  VIDEO_TOO_LARGE = 6,
  /// The system failed: a read, a write, memory, or FFmpeg's libraries do not load. The message is the system's.
  VIDEO_SYSTEM = 7,
  /// The program was built without FFmpeg.
  VIDEO_ABSENT = 8,
};

/// How a reader works.
typedef struct {
  /// The most pixels of a frame, as stored and as shown.
  int64_t maximum_pixels;
  /// The threads that decode.
  int32_t threads;
} video_options;

/// The chosen stream, from the container and the first frame.
typedef struct {
  /// The size as shown: upright, square pixels.
  int32_t width, height;
  /// The size as stored.
  int32_t stored_width, stored_height;
  /// The width of a stored pixel over its height.
  int32_t pixel_width, pixel_height;
  /// How the stored picture is turned: 1 to 8, the numbers of EXIF.
  int32_t orientation;
  /// The unit of timestamps in seconds.
  int32_t time_base_num, time_base_den;
  /// Frames a second, as the container or the codec states it; 0 if neither does.
  double frame_rate;
  /// Seconds; negative if unknown.
  double duration;
  /// The number of frames that the container states; 0 if it states none.
  int64_t frame_count;
  /// Video streams, without attached pictures.
  int32_t streams;
  /// 1 for grey, 3 for RGB.
  int32_t channels;
  /// Bits of a stored sample.
  int32_t bits;
  /// Whether the stored colours are full range.
  int32_t full_range;
  /// Whether the video is of high dynamic range (PQ or HLG).
  int32_t high_dynamic_range;
  /// Names, as FFmpeg gives them.
  char container[64], codec[32], pixel_format[32], matrix[32];
} video_properties;

/// A decoded frame.
typedef struct {
  /// The number of the frame, from 0.
  int64_t index;
  /// The timestamp in units of the time base.
  int64_t pts;
  /// The duration in the same unit; 0 if unknown.
  int64_t duration;
  /// Whether the timestamp is not the stream's, because it had none, or one not after the frame before.
  int32_t is_estimated;
  /// Whether the frame, or one that it is predicted from, was damaged.
  int32_t is_damaged;
  int32_t is_interlaced;
  /// Whether the stored size differs from that of the first frame; the picture is resized to that.
  int32_t is_resized;
} video_frame;

typedef struct video_reader video_reader;
typedef struct video_writer video_writer;

/// The version of FFmpeg; null without FFmpeg.
const char *_Nullable video_version(void);

/// The licence of the FFmpeg that the program runs with; null without FFmpeg.
const char *_Nullable video_licence(void);

/// The encoder of overlay videos; null without FFmpeg.
const char *_Nullable video_encoder(void);

/// Opens a video, chooses its stream and decodes the first frame. With a descriptor of -1 it reads `size` bytes of
/// `content`, which stay the caller's and must outlive the reader. `properties` is filled as far as it was found.
int video_open(int descriptor, const uint8_t *_Nullable content, size_t size, video_options options,
               video_reader *_Nullable *_Nonnull reader, video_properties *_Nonnull properties,
               char *_Nonnull message);

/// Decodes the next frame.
int video_next(video_reader *_Nonnull reader, video_frame *_Nonnull frame, char *_Nonnull message);

/// Converts the frame that `video_next` gave last: rows from the top, width × height × channels bytes.
int video_pixels(video_reader *_Nonnull reader, uint8_t *_Nonnull pixels, size_t size, char *_Nonnull message);

/// Whether the content ended before its time, and the number of packets that could not be decoded.
int video_ended_early(const video_reader *_Nonnull reader, int64_t *_Nonnull bad_packets);

void video_close(video_reader *_Nullable reader);

enum {
  /// H.264 in MP4; MPEG-4 part 2 where no encoder for H.264 is there. RGB, padded to even sides.
  VIDEO_OVERLAY = 0,
  /// FFV1 in Matroska; grey.
  VIDEO_LOSSLESS = 1,
};

/// The form of the file of a writer.
typedef struct {
  int32_t kind;
  int32_t width, height;
  int32_t time_base_num, time_base_den;
  /// Frames a second, for players that ask; 0 if unknown.
  double frame_rate;
  /// The threads that encode.
  int32_t threads;
  /// For tests: takes the second choice of encoder.
  int32_t without_h264;
} video_target;

/// Begins a video at the descriptor, which must be open for writing and at 0. `codec` has room for 32 bytes.
int video_create(int descriptor, video_target target, video_writer *_Nullable *_Nonnull writer,
                 char *_Nonnull codec, char *_Nonnull message);

/// Adds a frame of width × height × (3 or 1) bytes; `pts` must grow.
int video_append(video_writer *_Nonnull writer, const uint8_t *_Nonnull pixels, size_t size, int64_t pts,
                 int64_t duration, char *_Nonnull message);

/// Writes what is left.
int video_finish(video_writer *_Nonnull writer, char *_Nonnull message);

void video_discard(video_writer *_Nullable writer);
