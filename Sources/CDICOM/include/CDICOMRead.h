// DICOM in: a file, its description, and its frames. No entry prints, exits or throws, and no message holds a value
// of the data set. A dicom_file is used by one thread at a time; several files may be used at once.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma clang assume_nonnull begin

/// Room, in bytes, that every `message` argument must have.
#define DICOM_MESSAGE_LENGTH 240

enum {
  DICOM_OK = 0,
  /// The bytes are cut short or corrupt.
  DICOM_DAMAGED = 1,
  /// The bytes may be sound, but this kind is not read.
  DICOM_UNSUPPORTED = 2,
  /// The data set has no pixels.
  DICOM_NO_PIXELS = 3,
  /// Built without DCMTK and OpenJPEG.
  DICOM_WITHOUT = 4,
  /// A limit forbids to go on; `rows` and `columns` say how large a frame is.
  DICOM_TOO_LARGE = 5,
};

/// How the pixels are stored.
enum { DICOM_NATIVE = 0, DICOM_ENCAPSULATED = 1, DICOM_VIDEO = 2 };

/// The description of a file. Texts end with a zero; they are empty where the data set says nothing.
typedef struct {
  char sop_class[66], sop_instance[66], series[66], transfer_syntax[66];
  char photometric[18];
  uint32_t rows, columns, frames, samples, bits_allocated, bits_stored;
  uint32_t storage;
  /// 1 for a derived image that MCDRL made, such as an overlay.
  uint32_t is_own;
} dicom_facts;

typedef struct dicom_file dicom_file;

/// Opens a file and reads everything but its pixels. `maximum_pixels` bounds a frame and `maximum_bytes` a deflated
/// data set. The caller closes `*file`, which is null after an error.
int dicom_open(const char *path, uint64_t maximum_pixels, uint64_t maximum_bytes,
               dicom_file *_Nullable *_Nonnull file, dicom_facts *facts, char *message);
void dicom_close(dicom_file *_Nullable file);

/// The patient's identifier in UTF-8; the result is its length, 0 if there is none. `out` has room for `size` bytes.
size_t dicom_patient(dicom_file *file, char *out, size_t size);

/// The fragments of an encapsulated frame, joined, if they are a JPEG of 8 bits for another decoder. The caller frees
/// `*out` with dicom_free; it is null for any other frame. `*is_jpeg` is 0 there; 1 where the bitstream states its
/// colours; 2 for YCbCr and 3 for RGB by the data set.
int dicom_jpeg(dicom_file *file, uint32_t frame, uint8_t *_Nullable *_Nonnull out, size_t *size, int *is_jpeg,
               char *message);

/// Decodes a frame to 8 bits, rows × columns × `*channels` (1 or 3), interleaved. The caller frees `*out`.
int dicom_frame(dicom_file *file, uint32_t frame, uint8_t *_Nullable *_Nonnull out, uint32_t *channels,
                char *message);

/// The same for a frame that another decoder made: grey of 8 bits as stored, rows × columns.
int dicom_show(dicom_file *file, const uint8_t *samples, size_t size, uint8_t *_Nullable *_Nonnull out,
               uint32_t *channels, char *message);

/// All fragments joined, for a video. The caller frees `*out`.
int dicom_stream(dicom_file *file, uint64_t maximum_bytes, uint8_t *_Nullable *_Nonnull out, size_t *size,
                 char *message);

/// The image that a frame of a binary segmentation belongs to: its UID, its frame (from 0) and the segment's number;
/// `label` is the segment's label in UTF-8. DICOM_DAMAGED if the frame names none.
typedef struct {
  char instance[66], label[130];
  uint32_t frame, segment;
} dicom_segment;
int dicom_segment_of(dicom_file *file, uint32_t frame, dicom_segment *segment, char *message);

void dicom_free(void *_Nullable memory);

/// The versions of DCMTK and OpenJPEG, and whether character sets can be converted; null and 0 if built without DICOM.
const char *_Nullable dicom_dcmtk_version(void);
const char *_Nullable dicom_openjpeg_version(void);
int dicom_converts_characters(void);

#pragma clang assume_nonnull end
#ifdef __cplusplus
}
#endif
