// Objects derived from DICOM images: segmentations and overlay series.
// No function prints, exits or throws; each returns a code and writes one sentence into `message`, which never holds a
// value of a patient. Texts are UTF-8.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Room, in bytes, that every `message` argument must have.
#define DICOM_WRITING_MESSAGE 240

enum {
  DICOM_WRITING_OK = 0,
  /// MCDRL was built without DICOM.
  DICOM_WRITING_WITHOUT = 1,
  /// The file is no DICOM image, or lacks what a derived object needs.
  DICOM_WRITING_SOURCE = 2,
  /// An argument does not fit the sources.
  DICOM_WRITING_ARGUMENT = 3,
  /// The object would be larger than DICOM or memory allow.
  DICOM_WRITING_LIMIT = 4,
  /// The library failed.
  DICOM_WRITING_FAILED = 5,
};

/// The texts of a derived object; each has a default or may be missing.
enum {
  /// Identifies the run and everything that changes its masks; UIDs derive from it.
  DICOM_FIELD_FINGERPRINT = 0,
  /// The name and version of the algorithm, and its parameters as text.
  DICOM_FIELD_ALGORITHM = 1,
  DICOM_FIELD_VERSION = 2,
  DICOM_FIELD_PARAMETERS = 3,
  /// SeriesDescription.
  DICOM_FIELD_SERIES = 4,
  /// ContentDate (YYYYMMDD) and ContentTime (HHMMSS).
  DICOM_FIELD_DATE = 5,
  DICOM_FIELD_TIME = 6,
  /// The SNOMED CT code of the region and its meaning, where the source does not state one.
  DICOM_FIELD_REGION_CODE = 7,
  DICOM_FIELD_REGION_MEANING = 8,
  DICOM_FIELD_COUNT = 9,
};

/// The sources of derived objects, and what is to be written.
typedef struct dicom_derived dicom_derived;

/// The facts of a source.
typedef struct {
  uint32_t width, height;
  /// The number of frames; 1 for an image of one frame.
  uint32_t frames;
  /// 1 where the object is of a multi-frame kind.
  uint32_t is_multiframe;
  /// 1 where the pixels have been compressed with loss.
  uint32_t is_lossy;
} dicom_source_facts;

/// Makes an empty object; null without DICOM or memory. The caller ends it with dicom_derived_close.
dicom_derived *_Nullable dicom_derived_open(void);
void dicom_derived_close(dicom_derived *_Nullable object);

/// Reads the attributes of an image file, without its pixels. Several sources must be of one series and one size.
int dicom_derived_add_source(dicom_derived *_Nonnull object, const char *_Nonnull path, char *_Nonnull message);

/// The facts of a source, counted from 0.
int dicom_derived_source(const dicom_derived *_Nonnull object, size_t index, dicom_source_facts *_Nonnull facts,
                         char *_Nonnull message);

/// Texts of the last source, each of 32 hexadecimal digits and a zero: `group33` tells study, series and size apart,
/// `instance33` objects.
int dicom_derived_group(const dicom_derived *_Nonnull object, char *_Nonnull group33, char *_Nonnull instance33,
                        char *_Nonnull message);

/// Sets a text (DICOM_FIELD_…).
int dicom_derived_set(dicom_derived *_Nonnull object, int field, const char *_Nonnull text, char *_Nonnull message);

/// Adds a segment: its label, the SNOMED CT code of its type, and its colour. Regions are those of the source or of
/// DICOM_FIELD_REGION_CODE.
int dicom_segmentation_add_segment(dicom_derived *_Nonnull object, const char *_Nonnull label,
                                   const char *_Nonnull type_code, const char *_Nonnull type_meaning,
                                   uint8_t red, uint8_t green, uint8_t blue, char *_Nonnull message);

/// Adds the masks of a source's frame (from 1): for each segment width × height bytes, not 0 inside, or null.
/// `all` keeps masks without a pixel, too. Frames keep the order in which they come.
int dicom_segmentation_add_frame(dicom_derived *_Nonnull object, size_t source, uint32_t frame,
                                 const uint8_t *_Nullable const *_Nonnull masks, size_t count, int all,
                                 char *_Nonnull message);

/// Ends a segmentation: the file up to the value of PixelData, which the caller frees with free(), and that value,
/// which lives as long as the object. `nominal` adds a plane orientation, plane positions and a spacing of 1 mm.
/// `found` is 0 where no mask had a pixel; then there is one empty frame.
int dicom_segmentation_finish(dicom_derived *_Nonnull object, int nominal, uint8_t *_Nullable *_Nonnull header,
                              size_t *_Nonnull header_size, const uint8_t *_Nullable *_Nonnull bits,
                              size_t *_Nonnull bits_size, int *_Nonnull found, char *_Nonnull message);

/// The file of an overlay of some frames (from 1) of a source, up to the value of PixelData; the caller frees it with
/// free(). The value is width × height × 3 bytes of RGB for each frame, and a zero where `pixel_bytes` is odd.
int dicom_overlay_header(dicom_derived *_Nonnull object, size_t source, const uint32_t *_Nonnull frames,
                         size_t count, uint8_t *_Nullable *_Nonnull header, size_t *_Nonnull header_size,
                         uint64_t *_Nonnull pixel_bytes, char *_Nonnull message);

#ifdef __cplusplus
}
#endif
