// Segmentation objects: which frame of which image a mask belongs to (DICOM PS3.3, C.8.20 and C.7.6.16).
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <dcmtk/dcmdata/dcspchrs.h>

#include <cstdio>
#include <cstring>

namespace dicom {

// A functional group of a frame: its own, or the one that all frames share.
static DcmItem *group(dicom_file &file, uint32_t frame, const DcmTagKey &key) {
  DcmItem *groups = nullptr, *item = nullptr;
  if (file.data->findAndGetSequenceItem(DCM_PerFrameFunctionalGroupsSequence, groups, (long)frame).good() &&
      groups->findAndGetSequenceItem(key, item).good())
    return item;
  if (file.data->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, groups).good() &&
      groups->findAndGetSequenceItem(key, item).good())
    return item;
  return nullptr;
}

// The label of a segment; empty if the object describes no such segment.
static OFString label(dicom_file &file, Uint16 wanted) {
  OFString text;
  DcmItem *item = nullptr;
  for (long index = 0; file.data->findAndGetSequenceItem(DCM_SegmentSequence, item, index).good(); index++) {
    Uint16 number = 0;
    if (item->findAndGetUint16(DCM_SegmentNumber, number).bad() || number != wanted) continue;
    if (item->findAndGetOFString(DCM_SegmentLabel, text).bad()) return "";
    DcmSpecificCharacterSet characters;
    OFString converted;
    if (DcmSpecificCharacterSet::isConversionAvailable() && characters.selectCharacterSet(*file.data).good() &&
        characters.convertString(text, converted).good())
      return converted;
    return text;
  }
  return "";
}

static void find_segment(dicom_file &file, uint32_t frame, dicom_segment &segment) {
  OFString type, text;
  file.data->findAndGetOFString(DCM_SegmentationType, type);
  if (type != "BINARY") unsupported("its segmentation is not binary");
  DcmItem *source = nullptr;
  auto *derivation = group(file, frame, DCM_DerivationImageSequence);
  if (!derivation || derivation->findAndGetSequenceItem(DCM_SourceImageSequence, source).bad() ||
      source->findAndGetOFString(DCM_ReferencedSOPInstanceUID, text).bad() || text.empty())
    damaged("a frame of its segmentation names no source image");
  snprintf(segment.instance, sizeof segment.instance, "%s", text.c_str());
  Sint32 number = 0;
  if (source->findAndGetSint32(DCM_ReferencedFrameNumber, number).bad()) number = 1;
  if (number < 1) damaged("a frame of its segmentation names a frame below 1");
  segment.frame = (uint32_t)number - 1;
  Uint16 wanted = 0;
  auto *identification = group(file, frame, DCM_SegmentIdentificationSequence);
  if (!identification || identification->findAndGetUint16(DCM_ReferencedSegmentNumber, wanted).bad())
    damaged("a frame of its segmentation names no segment");
  segment.segment = wanted;
  snprintf(segment.label, sizeof segment.label, "%s", label(file, wanted).c_str());
}

}  // namespace dicom

int dicom_segment_of(dicom_file *file, uint32_t frame, dicom_segment *segment, char *message) {
  memset(segment, 0, sizeof *segment);
  return dicom::guard(message, [&] {
    if (frame >= file->facts.frames) dicom::damaged("it has no such frame");
    dicom::find_segment(*file, frame, *segment);
  });
}
#endif
