// Segmentation objects: which frame of which image a mask belongs to (DICOM PS3.3, C.8.20 and C.7.6.16).
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <dcmtk/dcmdata/dcspchrs.h>

#include <cstdio>
#include <cstring>

namespace dicom {

// The items of a sequence. Going from item to item is quick only in order.
static std::vector<DcmItem *> items(dicom_file &file, const DcmTagKey &key) {
  std::vector<DcmItem *> found;
  DcmElement *element = nullptr;
  if (file.data->findAndGetElement(key, element).bad()) return found;
  auto *sequence = dynamic_cast<DcmSequenceOfItems *>(element);
  if (!sequence) return found;
  for (DcmObject *object = nullptr; (object = sequence->nextInContainer(object));)
    if (auto *item = dynamic_cast<DcmItem *>(object)) found.push_back(item);
  return found;
}

// Finds the description of each frame, and the labels of the segments in UTF-8, once.
static void find_groups(dicom_file &file) {
  if (!file.groups.empty()) return;
  auto groups = items(file, DCM_PerFrameFunctionalGroupsSequence);
  if (groups.size() != file.facts.frames) damaged("its segmentation does not describe each of its frames");
  DcmSpecificCharacterSet characters;
  const bool converts = DcmSpecificCharacterSet::isConversionAvailable() &&
                        characters.selectCharacterSet(*file.data).good();
  for (auto *item : items(file, DCM_SegmentSequence)) {
    Uint16 number = 0;
    OFString text, converted;
    if (item->findAndGetUint16(DCM_SegmentNumber, number).bad() ||
        item->findAndGetOFString(DCM_SegmentLabel, text).bad())
      continue;
    const bool is_converted = converts && characters.convertString(text, converted).good();
    file.labels.emplace(number, (is_converted ? converted : text).c_str());
  }
  file.groups = std::move(groups);
}

// A functional group of a frame: its own, or the one that all frames share.
static DcmItem *group(dicom_file &file, uint32_t frame, const DcmTagKey &key) {
  DcmItem *shared = nullptr, *item = nullptr;
  if (file.groups[frame]->findAndGetSequenceItem(key, item).good()) return item;
  if (file.data->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared).good() &&
      shared->findAndGetSequenceItem(key, item).good())
    return item;
  return nullptr;
}

static void find_segment(dicom_file &file, uint32_t frame, dicom_segment &segment) {
  OFString type, text;
  file.data->findAndGetOFString(DCM_SegmentationType, type);
  if (type != "BINARY") unsupported("its segmentation is not binary");
  find_groups(file);
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
  const auto label = file.labels.find(wanted);
  if (label != file.labels.end()) snprintf(segment.label, sizeof segment.label, "%s", label->second.c_str());
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
