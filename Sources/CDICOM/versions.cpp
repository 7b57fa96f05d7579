#include "CDICOM.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcspchrs.h>
#include <openjpeg.h>

const char *dicom_dcmtk_version(void) { return PACKAGE_VERSION; }
const char *dicom_openjpeg_version(void) { return opj_version(); }
int dicom_converts_characters(void) { return DcmSpecificCharacterSet::isConversionAvailable() ? 1 : 0; }
#else
#include <cstdio>
#include <cstring>

// Built without the libraries: every entry says so.
static int without(char *message) {
  snprintf(message, DICOM_MESSAGE_LENGTH, "built without DICOM");
  return DICOM_WITHOUT;
}

const char *dicom_dcmtk_version(void) { return nullptr; }
const char *dicom_openjpeg_version(void) { return nullptr; }
int dicom_converts_characters(void) { return 0; }

int dicom_open(const char *, uint64_t, uint64_t, dicom_file **file, dicom_facts *facts, char *message) {
  *file = nullptr;
  memset(facts, 0, sizeof *facts);
  return without(message);
}
void dicom_close(dicom_file *) {}
size_t dicom_patient(dicom_file *, char *, size_t) { return 0; }
int dicom_jpeg(dicom_file *, uint32_t, uint8_t **out, size_t *, int *, char *message) {
  *out = nullptr;
  return without(message);
}
int dicom_frame(dicom_file *, uint32_t, uint8_t **out, uint32_t *, char *message) {
  *out = nullptr;
  return without(message);
}
int dicom_show(dicom_file *, const uint8_t *, size_t, uint8_t **out, uint32_t *, char *message) {
  *out = nullptr;
  return without(message);
}
int dicom_stream(dicom_file *, uint64_t, uint8_t **out, size_t *, char *message) {
  *out = nullptr;
  return without(message);
}
int dicom_segment_of(dicom_file *, uint32_t, dicom_segment *segment, char *message) {
  memset(segment, 0, sizeof *segment);
  return without(message);
}
void dicom_free(void *) {}
#endif
