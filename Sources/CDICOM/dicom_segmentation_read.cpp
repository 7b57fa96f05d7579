#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace derived;

struct dicom_segments {
  std::unique_ptr<dicom_file, void (*)(dicom_file *)> file{nullptr, dicom_close};
  std::vector<dicom_segment_facts> segments;
  std::vector<dicom_segment_frame> frames;
  uint32_t width = 0, height = 0;
};

static void copy(char *to, size_t room, const std::string &text) { snprintf(to, room, "%s", text.c_str()); }

// The first item of a sequence, or null.
static DcmItem *item(DcmItem *in, const DcmTagKey &sequence, long index = 0) {
  DcmItem *found = nullptr;
  if (in == nullptr || in->findAndGetSequenceItem(sequence, found, index).bad()) return nullptr;
  return found;
}

// The item of a frame's functional group: its own, or that of all frames.
static DcmItem *group(DcmItem *frame, DcmItem *shared, const DcmTagKey &sequence) {
  DcmItem *own = item(frame, sequence);
  return own != nullptr ? own : item(shared, sequence);
}

static uint32_t number(const std::string &text, const char *name) {
  const long value = strtol(text.c_str(), nullptr, 10);
  if (value < 1 || value > 100000000)
    throw Failure(DICOM_WRITING_SOURCE, std::string("its ") + name + " is not usable");
  return uint32_t(value);
}

static void read_segments(dicom_segments &object, DcmDataset &data) {
  DcmItem *segment;
  for (long i = 0; i < 65535 && (segment = item(&data, DCM_SegmentSequence, i)) != nullptr; i++) {
    dicom_segment_facts facts{};
    Uint16 index = 0;
    segment->findAndGetUint16(DCM_SegmentNumber, index);
    facts.number = index;
    copy(facts.label, sizeof facts.label, value(*segment, DCM_SegmentLabel));
    if (DcmItem *type = item(segment, DCM_SegmentedPropertyTypeCodeSequence)) {
      copy(facts.type_scheme, sizeof facts.type_scheme, value(*type, DCM_CodingSchemeDesignator));
      copy(facts.type_code, sizeof facts.type_code, value(*type, DCM_CodeValue));
      copy(facts.type_meaning, sizeof facts.type_meaning, value(*type, DCM_CodeMeaning));
    }
    object.segments.push_back(facts);
  }
  if (object.segments.empty()) throw Failure(DICOM_WRITING_SOURCE, "it has no SegmentSequence");
}

static dicom_segment_frame read_frame(DcmItem *frame, DcmItem *shared) {
  dicom_segment_frame facts{};
  Uint16 segment = 0;
  if (DcmItem *identification = group(frame, shared, DCM_SegmentIdentificationSequence))
    identification->findAndGetUint16(DCM_ReferencedSegmentNumber, segment);
  if (segment == 0) throw Failure(DICOM_WRITING_SOURCE, "one of its frames has no ReferencedSegmentNumber");
  facts.segment = segment;
  facts.source_frame = 1;
  // An object may leave it open to which image a frame belongs.
  DcmItem *image = item(group(frame, shared, DCM_DerivationImageSequence), DCM_SourceImageSequence);
  if (image == nullptr) return facts;
  copy(facts.source_class, sizeof facts.source_class, value(*image, DCM_ReferencedSOPClassUID));
  copy(facts.source_instance, sizeof facts.source_instance, value(*image, DCM_ReferencedSOPInstanceUID));
  const std::string referenced = value(*image, DCM_ReferencedFrameNumber);
  if (!referenced.empty()) facts.source_frame = number(referenced, "ReferencedFrameNumber");
  return facts;
}

static void open(dicom_segments &object, const char *path) {
  object.file = derived::open(path);
  DcmDataset &data = *object.file->data;
  if (value(data, DCM_SOPClassUID) != UID_SegmentationStorage)
    throw Failure(DICOM_WRITING_SOURCE, "it is not a DICOM Segmentation object");
  if (value(data, DCM_SegmentationType) != "BINARY")
    throw Failure(DICOM_WRITING_SOURCE, "its SegmentationType is not BINARY; write it as BINARY");
  if (object.file->facts.storage != DICOM_NATIVE)
    throw Failure(DICOM_WRITING_SOURCE, "its pixels are compressed; decompress it, for example with dcmdrle");
  // Labels become UTF-8 where the library can do that, and stay as they are where it cannot.
  const std::string charset = read_all(data, DCM_SpecificCharacterSet);
  if (!charset.empty() && charset != "ISO_IR 192") (void)data.convertToUTF8();
  object.width = object.file->facts.columns;
  object.height = object.file->facts.rows;
  if (object.file->facts.bits_allocated != 1)
    throw Failure(DICOM_WRITING_SOURCE, "its BitsAllocated is not 1");
  read_segments(object, data);
  const uint32_t count = number(value(data, DCM_NumberOfFrames), "NumberOfFrames");
  DcmElement *sequence = nullptr;
  data.findAndGetElement(DCM_PerFrameFunctionalGroupsSequence, sequence);
  auto *items = dynamic_cast<DcmSequenceOfItems *>(sequence);
  if (items == nullptr || items->card() != count)
    throw Failure(DICOM_WRITING_SOURCE, "its PerFrameFunctionalGroupsSequence has not one item for each frame");
  if (object.file->pixels->getLength() < (uint64_t(count) * object.width * object.height + 7) / 8)
    throw Failure(DICOM_WRITING_SOURCE, "its PixelData is too short");
  DcmItem *shared = item(&data, DCM_SharedFunctionalGroupsSequence);
  // Going from item to item is quick only in order.
  DcmObject *frame = nullptr;
  while ((frame = items->nextInContainer(frame)) != nullptr)
    object.frames.push_back(read_frame(dynamic_cast<DcmItem *>(frame), shared));
}

extern "C" {

dicom_segments *dicom_segmentation_read(const char *path, dicom_segments_facts *facts, int *code, char *message) {
  dicom_segments *result = nullptr;
  *code = guarded(message, [&] {
    auto object = std::make_unique<dicom_segments>();
    open(*object, path);
    *facts = {object->width, object->height, uint32_t(object->frames.size()), uint32_t(object->segments.size())};
    result = object.release();
  });
  return result;
}

void dicom_segmentation_close(dicom_segments *object) {
  try {
    delete object;
  } catch (...) {
  }
}

int dicom_segmentation_segment(const dicom_segments *object, size_t index, dicom_segment_facts *facts,
                               char *message) {
  return guarded(message, [&] {
    if (index >= object->segments.size()) throw Failure(DICOM_WRITING_ARGUMENT, "there is no such segment");
    *facts = object->segments[index];
  });
}

int dicom_segmentation_frame(const dicom_segments *object, size_t index, dicom_segment_frame *facts,
                             char *message) {
  return guarded(message, [&] {
    if (index >= object->frames.size()) throw Failure(DICOM_WRITING_ARGUMENT, "there is no such frame");
    *facts = object->frames[index];
  });
}

int dicom_segmentation_mask(dicom_segments *object, size_t index, uint8_t *pixels, size_t size, char *message) {
  return guarded(message, [&] {
    const uint64_t count = uint64_t(object->width) * object->height;
    if (index >= object->frames.size() || size != count)
      throw Failure(DICOM_WRITING_ARGUMENT, "there is no such frame of this size");
    const uint64_t first = index * count, last = first + count;
    // The library reads whole words.
    const uint64_t stored = object->file->pixels->getLength();
    const uint64_t start = first / 16 * 2, end = std::min((last + 15) / 16 * 2, stored);
    std::vector<uint8_t> bytes(size_t(end - start));
    check(object->file->pixels->getPartialValue(bytes.data(), Uint32(start), Uint32(bytes.size()), nullptr,
                                          EBO_LittleEndian));
    for (uint64_t i = 0; i < count; i++) {
      const uint64_t bit = first + i - start * 8;
      pixels[i] = bytes[size_t(bit >> 3)] >> (bit & 7) & 1 ? 255 : 0;
    }
  });
}
}
#endif
