#include "CDICOM.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <dcmtk/config/osconfig.h>
#include <openjpeg.h>

#include <string>

const char *dicom_version(void) {
  static const std::string text = std::string("DCMTK " PACKAGE_VERSION ", OpenJPEG ") + opj_version();
  return text.c_str();
}
#else
const char *dicom_version(void) { return nullptr; }
#endif
