#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace derived;

// Texts of more bytes do not fit in an element of kind IS.
static const size_t most_bytes = 65534;

static std::string list(const uint32_t *frames, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; i++) text += (i > 0 ? "\\" : "") + std::to_string(frames[i]);
  if (text.size() > most_bytes)
    throw Failure(DICOM_WRITING_LIMIT, "it would have too many frames; give fewer frames at once");
  return text;
}

// How a player goes from frame to frame: by the source's times where all frames are there, or else by their numbers.
static void put_increment(DcmDataset &data, const Source &source, const uint32_t *frames, size_t count,
                          bool has_all) {
  DcmTagKey by = DCM_PageNumberVector;
  if (has_all && atof(source.frame_time.c_str()) > 0) {
    by = DCM_FrameTime;
    put(data, by, source.frame_time);
  } else if (has_all && size_t(std::count(source.frame_times.begin(), source.frame_times.end(), '\\')) + 1 == count) {
    by = DCM_FrameTimeVector;
    put(data, by, source.frame_times);
  } else {
    put(data, by, list(frames, count));
  }
  check(data.putAndInsertTagKey(DcmTag(DCM_FrameIncrementPointer), by));
}

// The part of the body, as far as it is known. Where it may be one of a pair, the side is unknown: an empty value.
static void put_place(const dicom_derived &object, DcmDataset &data, const Source &source) {
  static const std::string bronchus = "955009";
  const bool has_region = object.put_region(data);
  if (!source.body_part.empty()) put(data, DCM_BodyPartExamined, source.body_part);
  if (!source.image_laterality.empty()) put(data, DCM_ImageLaterality, source.image_laterality);
  const bool is_single = has_region && source.region_code.empty() &&
                         object.field(DICOM_FIELD_REGION_CODE) != bronchus;
  const bool is_said = !source.body_part.empty() || !source.image_laterality.empty() || !source.region_code.empty();
  if (!source.laterality.empty() || !(is_single || is_said)) put(data, DCM_Laterality, source.laterality);
}

static std::string new_uid(const dicom_derived &object, const Source &source, const uint32_t *frames,
                           size_t count) {
  Hash hash;
  hash.add("overlay").add(object.field(DICOM_FIELD_FINGERPRINT)).add(source.instance);
  for (size_t i = 0; i < count; i++) hash.add(frames[i]);
  // Without a fingerprint nothing tells two drawings of the same image apart.
  char random[100] = "";
  if (object.field(DICOM_FIELD_FINGERPRINT).empty()) hash.add(dcmGenerateUniqueIdentifier(random));
  return hash.uid();
}

extern "C" int dicom_overlay_header(dicom_derived *object, size_t index, const uint32_t *frames, size_t count,
                                    uint8_t **header, size_t *header_size, uint64_t *pixel_bytes,
                                    char *message) {
  return guarded(message, [&] {
    const Source &source = object->source(index);
    if (count == 0) throw Failure(DICOM_WRITING_ARGUMENT, "there is no frame");
    bool has_all = count == source.frames;
    for (size_t i = 0; i < count; i++) {
      if (frames[i] < 1 || frames[i] > source.frames || (i > 0 && frames[i] <= frames[i - 1]))
        throw Failure(DICOM_WRITING_ARGUMENT, "frames do not come in order, each once, from 1 to " +
                                                  std::to_string(source.frames));
      has_all &= frames[i] == i + 1;
    }
    *pixel_bytes = uint64_t(source.width) * source.height * 3 * count;
    bool has_own_letters = false;
    for (int field : {DICOM_FIELD_ALGORITHM, DICOM_FIELD_VERSION, DICOM_FIELD_SERIES})
      has_own_letters |= !is_ascii(object->field(field));
    const char *kind = source.is_multiframe ? UID_MultiframeTrueColorSecondaryCaptureImageStorage
                                            : UID_SecondaryCaptureImageStorage;
    const std::string modality = source.modality.empty() ? "OT" : source.modality;
    auto data = object->start(kind, new_uid(*object, source, frames, count), modality.c_str(), 2000,
                              has_own_letters);
    put(*data, DCM_ImageType, std::string("DERIVED\\SECONDARY"));
    const long number = strtol(source.instance_number.c_str(), nullptr, 10);
    put(*data, DCM_InstanceNumber,
        std::to_string(number > 0 && number < 2147483647 ? number : long(index + 1)));
    put_place(*object, *data, source);
    put(*data, DCM_ConversionType, std::string("WSD"));
    put(*data, DCM_BurnedInAnnotation, std::string("YES"));
    put(*data, DCM_DerivationDescription,
        fitting("Outlines of what " + object->field(DICOM_FIELD_ALGORITHM) + " " +
                    object->field(DICOM_FIELD_VERSION) + " marked, drawn over the image", 1024));
    refer(*data, source, source.is_multiframe && !has_all ? list(frames, count) : "");
    put(*data, DCM_SamplesPerPixel, uint16_t(3));
    put(*data, DCM_PhotometricInterpretation, std::string("RGB"));
    put(*data, DCM_PlanarConfiguration, uint16_t(0));
    put(*data, DCM_Rows, uint16_t(source.height));
    put(*data, DCM_Columns, uint16_t(source.width));
    for (const auto &tag : {DCM_BitsAllocated, DCM_BitsStored}) put(*data, tag, uint16_t(8));
    put(*data, DCM_HighBit, uint16_t(7));
    put(*data, DCM_PixelRepresentation, uint16_t(0));
    object->put_lossy(*data, &source);
    if (source.is_multiframe) {
      put(*data, DCM_NumberOfFrames, std::to_string(count));
      if (count > 1) put_increment(*data, source, frames, count, has_all);
    }
    hand_out(dicom_derived::encode(*data, {}, *pixel_bytes + *pixel_bytes % 2), header, header_size);
  });
}
#endif
