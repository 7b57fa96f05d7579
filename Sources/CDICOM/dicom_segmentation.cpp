#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace derived;

// More is an error: the bits stay in memory.
static const uint64_t most_bytes = uint64_t(1) << 31;

// CIE L*a*b* (D50) of an sRGB colour, as the 16-bit numbers that PS3.3 C.10.7.1.1 asks for.
static std::array<uint16_t, 3> lab(const std::array<uint8_t, 3> &colour) {
  double linear[3];
  for (size_t i = 0; i < 3; i++) {
    const double part = colour[i] / 255.0;
    linear[i] = part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
  }
  // sRGB to XYZ, adapted to D50 after Bradford, over the white point.
  const double xyz[3] = {
      (0.4360747 * linear[0] + 0.3850649 * linear[1] + 0.1430804 * linear[2]) / 0.96422,
      0.2225045 * linear[0] + 0.7168786 * linear[1] + 0.0606169 * linear[2],
      (0.0139322 * linear[0] + 0.0971045 * linear[1] + 0.7141733 * linear[2]) / 0.82521};
  double f[3];
  for (int i = 0; i < 3; i++)
    f[i] = xyz[i] > 216.0 / 24389 ? std::cbrt(xyz[i]) : (24389.0 / 27 * xyz[i] + 16) / 116;
  const auto number = [](double share) { return uint16_t(std::lround(std::fmin(1, std::fmax(0, share)) * 65535)); };
  return {number((116 * f[1] - 16) / 100), number((500 * (f[0] - f[1]) + 128) / 255),
          number((200 * (f[1] - f[2]) + 128) / 255)};
}

static void put_segments(const dicom_derived &object, DcmDataset &data) {
  uint16_t number = 0;
  for (const auto &segment : object.segments) {
    DcmItem &item = append(data, DCM_SegmentSequence);
    put(item, DCM_SegmentNumber, ++number);
    put(item, DCM_SegmentLabel, fitting(segment.label, 64));
    put(item, DCM_SegmentAlgorithmType, std::string("AUTOMATIC"));
    put(item, DCM_SegmentAlgorithmName, fitting(object.field(DICOM_FIELD_ALGORITHM), 64));
    DcmItem &algorithm = append(item, DCM_SegmentationAlgorithmIdentificationSequence);
    code(algorithm, DCM_AlgorithmFamilyCodeSequence, "DCM", "123110", "Artificial Intelligence");
    put(algorithm, DCM_AlgorithmName, fitting(object.field(DICOM_FIELD_ALGORITHM), 64));
    put(algorithm, DCM_AlgorithmVersion, fitting(object.field(DICOM_FIELD_VERSION), 64));
    if (!object.field(DICOM_FIELD_PARAMETERS).empty())
      put(algorithm, DCM_AlgorithmParameters, fitting(object.field(DICOM_FIELD_PARAMETERS), 1024));
    code(item, DCM_SegmentedPropertyCategoryCodeSequence, "SCT", "49755003",
         "Morphologically Abnormal Structure");
    code(item, DCM_SegmentedPropertyTypeCodeSequence, "SCT", segment.type_code, segment.type_meaning);
    object.put_region(item);
    const auto colour = lab(segment.colour);
    check(item.putAndInsertUint16Array(DcmTag(DCM_RecommendedDisplayCIELabValue), colour.data(), 3));
  }
}

static void put_dimensions(DcmDataset &data, const std::string &uid) {
  put(append(data, DCM_DimensionOrganizationSequence), DCM_DimensionOrganizationUID, uid);
  const struct {
    DcmTagKey attribute, group;
    const char *label;
  } dimensions[] = {
      {DCM_ReferencedSegmentNumber, DCM_SegmentIdentificationSequence, "Segment Number"},
      {DCM_StackID, DCM_FrameContentSequence, "Stack ID"},
      {DCM_InStackPositionNumber, DCM_FrameContentSequence, "In-Stack Position"}};
  for (const auto &dimension : dimensions) {
    DcmItem &item = append(data, DCM_DimensionIndexSequence);
    check(item.putAndInsertTagKey(DcmTag(DCM_DimensionIndexPointer), dimension.attribute));
    check(item.putAndInsertTagKey(DcmTag(DCM_FunctionalGroupPointer), dimension.group));
    put(item, DCM_DimensionOrganizationUID, uid);
    put(item, DCM_DimensionDescriptionLabel, std::string(dimension.label));
  }
}

static void put_frame(const dicom_derived &object, DcmItem &item, const Frame &frame, bool nominal) {
  DcmItem &content = append(item, DCM_FrameContentSequence);
  put(content, DCM_StackID, std::string("1"));
  check(content.putAndInsertUint32(DcmTag(DCM_InStackPositionNumber), frame.position));
  const Uint32 indices[] = {frame.segment, 1, frame.position};
  check(content.putAndInsertUint32Array(DcmTag(DCM_DimensionIndexValues), indices, 3));
  const Source &source = object.source(frame.source);
  DcmItem &derivation = append(item, DCM_DerivationImageSequence);
  code(derivation, DCM_DerivationCodeSequence, "DCM", "113076", "Segmentation");
  refer(derivation, source, source.is_multiframe ? std::to_string(frame.frame) : "");
  put(append(item, DCM_SegmentIdentificationSequence), DCM_ReferencedSegmentNumber, uint16_t(frame.segment));
  if (nominal)
    put(append(item, DCM_PlanePositionSequence), DCM_ImagePositionPatient,
        "0\\0\\" + std::to_string(frame.position - 1));
}

// PerFrameFunctionalGroupsSequence, item by item: DCMTK takes some 20 KB for an item of 700 bytes.
static std::vector<uint8_t> frame_groups(const dicom_derived &object, bool nominal) {
  std::vector<uint8_t> bytes = {0x00, 0x52, 0x30, 0x92, 'S', 'Q', 0, 0, 0, 0, 0, 0};
  const size_t head = bytes.size();
  for (const auto &frame : object.frames) {
    DcmItem item;
    put_frame(object, item, frame, nominal);
    encode(item, bytes);
  }
  const uint64_t size = bytes.size() - head;
  if (size > 0xfffffffe)
    throw Failure(DICOM_WRITING_LIMIT, "it would have too many frames; give fewer frames at once");
  for (size_t i = 0; i < 4; i++) bytes[head - 4 + i] = uint8_t(size >> (8 * i));
  return bytes;
}

static void put_shared(DcmDataset &data, bool nominal) {
  DcmItem &item = append(data, DCM_SharedFunctionalGroupsSequence);
  if (!nominal) return;
  put(append(item, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient, std::string("1\\0\\0\\0\\1\\0"));
  DcmItem &measures = append(item, DCM_PixelMeasuresSequence);
  put(measures, DCM_SliceThickness, std::string("1"));
  put(measures, DCM_SpacingBetweenSlices, std::string("1"));
  put(measures, DCM_PixelSpacing, std::string("1\\1"));
}

// The common frame of reference of the sources; empty where one has none or they differ.
static std::string frame_of_reference(const dicom_derived &object) {
  for (const auto &source : object.sources)
    if (source.frame_of_reference != object.sources[0].frame_of_reference) return "";
  return object.sources[0].frame_of_reference;
}

// Appends a mask (null: without a pixel) as bits, the first pixel in the lowest bit. Frames follow each other without
// padding.
static void append_bits(dicom_derived &object, const uint8_t *mask, size_t count) {
  const uint64_t total = object.bit_count + count;
  if ((total + 7) / 8 > most_bytes)
    throw Failure(DICOM_WRITING_LIMIT, "its masks would have more than 2 GiB; give fewer frames at once");
  object.bits.resize(size_t((total + 7) / 8));
  uint64_t at = object.bit_count;
  for (size_t i = 0; mask != nullptr && i < count; i++, at++)
    if (mask[i] != 0) object.bits[size_t(at >> 3)] |= uint8_t(1u << (at & 7));
  object.bit_count = total;
}

static std::unique_ptr<DcmDataset> make(dicom_derived &object, bool nominal, bool found) {
  Hash hash;
  hash.add("segmentation").add(object.field(DICOM_FIELD_FINGERPRINT)).add(uint64_t(nominal));
  hash.add(object.field(DICOM_FIELD_REGION_CODE));
  bool has_own_letters = false;
  for (int field : {DICOM_FIELD_ALGORITHM, DICOM_FIELD_VERSION, DICOM_FIELD_PARAMETERS, DICOM_FIELD_SERIES}) {
    hash.add(object.field(field));
    has_own_letters |= !is_ascii(object.field(field));
  }
  for (const auto &source : object.sources) hash.add(source.instance);
  for (const auto &segment : object.segments) {
    hash.add(segment.label).add(segment.type_code);
    has_own_letters |= !is_ascii(segment.label);
  }
  for (const auto &frame : object.frames) hash.add(frame.segment).add(frame.source).add(frame.frame);
  hash.add(object.bits);
  const std::string uid = hash.uid();
  auto data = object.start(UID_SegmentationStorage, uid, "SEG", 1000, has_own_letters);
  put(*data, DCM_ImageType, std::string("DERIVED\\PRIMARY"));
  const std::string &number = object.sources[0].instance_number;
  const long index = object.sources.size() == 1 ? strtol(number.c_str(), nullptr, 10) : 1;
  put(*data, DCM_InstanceNumber, std::to_string(index > 0 && index < 2147483647 ? index : 1));
  put(*data, DCM_ContentLabel, std::string("SEGMENTATION"));
  put(*data, DCM_ContentDescription, std::string(found ? "Lesions found by the algorithm" : "No lesion found"));
  put(*data, DCM_ContentCreatorName, std::string());
  put(*data, DCM_SamplesPerPixel, uint16_t(1));
  put(*data, DCM_PhotometricInterpretation, std::string("MONOCHROME2"));
  put(*data, DCM_Rows, uint16_t(object.sources[0].height));
  put(*data, DCM_Columns, uint16_t(object.sources[0].width));
  for (const auto &tag : {DCM_BitsAllocated, DCM_BitsStored}) put(*data, tag, uint16_t(1));
  for (const auto &tag : {DCM_HighBit, DCM_PixelRepresentation}) put(*data, tag, uint16_t(0));
  object.put_lossy(*data, nullptr);
  put(*data, DCM_SegmentationType, std::string("BINARY"));
  put(*data, DCM_SegmentsOverlap, std::string(object.has_overlap ? "YES" : "NO"));
  put(*data, DCM_NumberOfFrames, std::to_string(object.frames.size()));
  const std::string reference = frame_of_reference(object);
  if (!reference.empty()) {
    put(*data, DCM_FrameOfReferenceUID, reference);
    put(*data, DCM_PositionReferenceIndicator, object.sources[0].position_reference);
  }
  DcmItem &series = append(*data, DCM_ReferencedSeriesSequence);
  put(series, DCM_SeriesInstanceUID, object.sources[0].series);
  for (const auto &source : object.sources) {
    DcmItem &instance = append(series, DCM_ReferencedInstanceSequence);
    put(instance, DCM_ReferencedSOPClassUID, source.sop_class);
    put(instance, DCM_ReferencedSOPInstanceUID, source.instance);
  }
  put_segments(object, *data);
  put_dimensions(*data, Hash().add("dimensions").add(uid).uid());
  put_shared(*data, nominal);
  return data;
}

extern "C" {

int dicom_segmentation_add_segment(dicom_derived *object, const char *label, const char *type_code,
                                   const char *type_meaning, uint8_t red, uint8_t green, uint8_t blue,
                                   char *message) {
  return guarded(message, [&] {
    if (!object->frames.empty()) throw Failure(DICOM_WRITING_ARGUMENT, "segments come before frames");
    if (object->segments.size() == 65535) throw Failure(DICOM_WRITING_LIMIT, "there are more than 65535 segments");
    if (fitting(label, 64).empty()) throw Failure(DICOM_WRITING_ARGUMENT, "a segment has no name");
    object->segments.push_back({label, type_code, type_meaning, {red, green, blue}});
  });
}

int dicom_segmentation_add_frame(dicom_derived *object, size_t source_index, uint32_t frame,
                                 const uint8_t *const *masks, size_t count, int all, char *message) {
  return guarded(message, [&] {
    const Source &source = object->source(source_index);
    if (object->segments.empty() || count != object->segments.size())
      throw Failure(DICOM_WRITING_ARGUMENT, "there is not one mask for each segment");
    if (frame < 1 || frame > source.frames)
      throw Failure(DICOM_WRITING_ARGUMENT, "it has " + std::to_string(source.frames) + " frames, and no frame " +
                                                std::to_string(frame));
    if (!object->frames.empty()) {
      const Frame &last = object->frames.back();
      if (std::pair(last.source, last.frame) >= std::pair(uint32_t(source_index), frame))
        throw Failure(DICOM_WRITING_ARGUMENT, "frames do not come in order, each once");
    }
    const size_t pixels = size_t(source.width) * source.height;
    std::vector<uint8_t> seen;
    bool is_new = true;
    for (size_t segment = 0; segment < count; segment++) {
      const uint8_t *mask = masks[segment];
      bool has_pixel = false;
      for (size_t i = 0; mask != nullptr && i < pixels && !has_pixel; i++) has_pixel = mask[i] != 0;
      if (!has_pixel && !all) continue;
      if (count > 1 && has_pixel && !object->has_overlap) {
        seen.resize(pixels);
        for (size_t i = 0; i < pixels; i++) {
          object->has_overlap |= mask[i] != 0 && seen[i] != 0;
          seen[i] |= mask[i];
        }
      }
      append_bits(*object, mask, pixels);
      object->positions += is_new;
      is_new = false;
      object->frames.push_back({uint32_t(segment + 1), uint32_t(source_index), frame, object->positions});
    }
  });
}

int dicom_segmentation_finish(dicom_derived *object, int nominal, uint8_t **header, size_t *header_size,
                              const uint8_t **bits, size_t *bits_size, int *found, char *message) {
  return guarded(message, [&] {
    if (object->sources.empty() || object->segments.empty())
      throw Failure(DICOM_WRITING_ARGUMENT, "there is no source or no segment");
    *found = 0;
    for (const uint8_t byte : object->bits) *found |= byte != 0;
    // An object needs a frame, so it says of the first frame that there is nothing.
    if (object->frames.empty()) {
      append_bits(*object, nullptr, size_t(object->sources[0].width) * object->sources[0].height);
      object->frames.push_back({1, 0, 1, 1});
    }
    if (object->bits.size() % 2 != 0) object->bits.push_back(0);
    auto data = make(*object, nominal != 0, *found != 0);
    const auto groups = frame_groups(*object, nominal != 0);
    hand_out(dicom_derived::encode(*data, groups, object->bits.size()), header, header_size);
    *bits = object->bits.data();
    *bits_size = object->bits.size();
  });
}
}
#endif
