// Shared by the files that write derived objects: their sources, and the attributes that they all have.
#pragma once
#include "CDICOM.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include "CKernelsHash.h"
#include "dicom_file.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace derived {

// A failure with its code. Messages name attributes and sizes, never values of a patient.
struct Failure : std::runtime_error {
  int code;
  Failure(int code, const std::string &text) : std::runtime_error(text), code(code) {}
};

// A source: what a derived object says about it.
struct Source {
  std::string study, series, instance, sop_class, frame_of_reference;
  uint32_t width = 0, height = 0, frames = 1;
  bool is_multiframe = false;
  // LossyImageCompression with ratio and method; empty where the pixels are as they were acquired.
  bool is_lossy = false;
  std::string lossy_ratio, lossy_method;
  std::string modality, series_number, instance_number, frame_time, frame_times, position_reference;
  std::string body_part, laterality, image_laterality, region_scheme, region_code, region_meaning;
};

struct Segment {
  std::string label, type_code, type_meaning;
  std::array<uint8_t, 3> colour;
};

// A frame of a segmentation: its segment and its source's frame (from 1), and the place of that frame in the stack.
struct Frame {
  uint32_t segment, source, frame, position;
};

// A hash for UIDs: equal parts give equal UIDs, and no other parts do (SHA-256).
class Hash {
public:
  Hash() { mcdrl_sha256_start(&hash); }
  Hash &add(const std::string &part);
  Hash &add(const std::vector<uint8_t> &part);
  Hash &add(uint64_t number);
  // "2.25." and a UUID (version 8, RFC 9562) as a decimal number.
  std::string uid();
  // 32 hexadecimal digits.
  std::string text();

private:
  // The first half of the hash.
  std::array<uint8_t, 16> digest();
  mcdrl_sha256 hash;
};

// Reads a file without its pixels, and adds the attributes of patient and study to `shared` where that is not null.
Source read(const char *path, DcmDataset *shared);

// Opens a file with the checks of the reader: nesting, deflated size, an end.
std::unique_ptr<dicom_file, void (*)(dicom_file *)> open(const char *path);

// Appends an object as explicit VR little endian.
void encode(DcmObject &object, std::vector<uint8_t> &bytes);
// Copies bytes for a caller who frees them with free().
void hand_out(const std::vector<uint8_t> &bytes, uint8_t **copy, size_t *size);

// Throws where the library did not do it.
void check(const OFCondition &condition);

// One value, without the spaces around it; empty where it is missing. `read_all` keeps all values and spaces.
std::string value(DcmItem &item, const DcmTagKey &tag);
std::string read_all(DcmItem &item, const DcmTagKey &tag);

void put(DcmItem &item, const DcmTagKey &tag, const std::string &text);
void put(DcmItem &item, const DcmTagKey &tag, uint16_t number);
DcmItem &append(DcmItem &item, const DcmTagKey &sequence);
void code(DcmItem &item, const DcmTagKey &sequence, const char *scheme, const std::string &code,
          const std::string &meaning);
// A source, or some of its frames, as what another object was made from.
void refer(DcmItem &item, const Source &source, const std::string &frames);
// A text for an attribute of `limit` characters: no backslash, no control characters, not longer.
std::string fitting(const std::string &text, size_t limit);
bool is_ascii(const std::string &text);

// Runs a body; failures become a code and a message.
template <typename Body> int guarded(char *message, Body body) {
  const auto fail = [message](int code, const char *text) {
    snprintf(message, DICOM_WRITING_MESSAGE, "%s", text);
    return code;
  };
  try {
    message[0] = 0;
    body();
    return DICOM_WRITING_OK;
  } catch (const Failure &failure) {
    return fail(failure.code, failure.what());
  } catch (const std::bad_alloc &) {
    return fail(DICOM_WRITING_LIMIT, "there is not enough memory");
  } catch (const std::length_error &) {
    return fail(DICOM_WRITING_LIMIT, "there is not enough memory");
  } catch (...) {
    return fail(DICOM_WRITING_FAILED, "DCMTK failed");
  }
}

} // namespace derived

struct dicom_derived {
  std::vector<derived::Source> sources;
  // The attributes of patient and study.
  DcmDataset shared;
  std::array<std::string, DICOM_FIELD_COUNT> fields;

  std::vector<derived::Segment> segments;
  std::vector<derived::Frame> frames;
  std::vector<uint8_t> bits;
  uint64_t bit_count = 0;
  uint32_t positions = 0;
  bool has_overlap = false;

  const std::string &field(int index) const { return fields[static_cast<size_t>(index)]; }
  // Throws where no source has this index.
  const derived::Source &source(size_t index) const;
  // The attributes of patient, study, series, equipment and SOP common; `uid` is of the instance, and an empty
  // `series` makes the series' UID from sources and fingerprint.
  std::unique_ptr<DcmDataset> start(const char *sop_class, const std::string &uid, const char *modality,
                                    int number_offset, bool has_own_letters) const;
  // The region that the first source states, or else the one that was set; whether there is one.
  bool put_region(DcmItem &item) const;
  void put_lossy(DcmItem &item, const derived::Source *only) const;
  // The file up to the value of PixelData, which has `size` bytes; `last` are encoded elements before PixelData.
  static std::vector<uint8_t> encode(DcmDataset &data, const std::vector<uint8_t> &last, uint64_t size);
};
#endif
