// The door to DCMTK and OpenJPEG. Every entry catches every exception.
#pragma once
#include "CDICOMWriting.h"

#include "CDICOMRead.h"

#ifdef __cplusplus
extern "C" {
#endif

// The versions of the libraries; null if MCDRL was built without DICOM.
const char *_Nullable dicom_version(void);

#ifdef __cplusplus
}
#endif
