// The entries of CDICOMWriting.h in a build without DICOM.
#include "CDICOM.h"

#if !__has_include(<mcdrl_has_dicom.h>)
#include <cstdio>

static int without(char *message) {
  snprintf(message, DICOM_WRITING_MESSAGE, "MCDRL was built without DICOM");
  return DICOM_WRITING_WITHOUT;
}

extern "C" {
dicom_derived *dicom_derived_open(void) { return nullptr; }
void dicom_derived_close(dicom_derived *) {}
int dicom_derived_add_source(dicom_derived *, const char *, char *message) { return without(message); }
int dicom_derived_source(const dicom_derived *, size_t, dicom_source_facts *, char *message) {
  return without(message);
}
int dicom_derived_group(const dicom_derived *, char *, char *, char *message) { return without(message); }
int dicom_derived_set(dicom_derived *, int, const char *, char *message) { return without(message); }
int dicom_segmentation_add_segment(dicom_derived *, const char *, const char *, const char *, uint8_t, uint8_t,
                                   uint8_t, char *message) {
  return without(message);
}
int dicom_segmentation_add_frame(dicom_derived *, size_t, uint32_t, const uint8_t *const *, size_t, int,
                                 char *message) {
  return without(message);
}
int dicom_segmentation_finish(dicom_derived *, int, uint8_t **, size_t *, const uint8_t **, size_t *, int *,
                              char *message) {
  return without(message);
}
int dicom_overlay_header(dicom_derived *, size_t, const uint32_t *, size_t, uint8_t **, size_t *, uint64_t *,
                         char *message) {
  return without(message);
}
}
#endif
