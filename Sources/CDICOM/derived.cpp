#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <dcmtk/dcmdata/dcostrmb.h>

#include <cstdlib>
#include <cstring>

namespace derived {

void check(const OFCondition &condition) {
  if (condition.good()) return;
  // The text of a condition may quote a value.
  char text[64];
  snprintf(text, sizeof text, "DCMTK gives the error %u of module %u", condition.code(), condition.module());
  throw Failure(DICOM_WRITING_FAILED, text);
}

std::unique_ptr<dicom_file, void (*)(dicom_file *)> open(const char *path) {
  // Larger pictures and deflated data sets are refused; pixels that are not deflated stay in the file.
  static const uint64_t most_pixels = uint64_t(1) << 30, most_bytes = uint64_t(1) << 30;
  dicom_file *file = nullptr;
  dicom_facts facts;
  char message[DICOM_MESSAGE_LENGTH];
  const int code = dicom_open(path, most_pixels, most_bytes, &file, &facts, message);
  std::unique_ptr<dicom_file, void (*)(dicom_file *)> opened(file, dicom_close);
  if (code == DICOM_NO_PIXELS) throw Failure(DICOM_WRITING_SOURCE, "it holds no image");
  if (code != DICOM_OK || file == nullptr) throw Failure(DICOM_WRITING_SOURCE, message);
  if (!dcmDataDict.isDictionaryLoaded())
    throw Failure(DICOM_WRITING_FAILED, "DCMTK does not find its dictionary dicom.dic; install DCMTK again");
  return opened;
}

std::string read_all(DcmItem &item, const DcmTagKey &tag) {
  DcmElement *element = nullptr;
  if (item.findAndGetElement(tag, element).bad() || element == nullptr) return "";
  std::string text;
  if (element->ident() == EVR_UN || element->ident() == EVR_OB) {
    Uint8 *bytes = nullptr;
    if (element->getUint8Array(bytes).bad() || bytes == nullptr) return "";
    text.assign(reinterpret_cast<const char *>(bytes), strnlen(reinterpret_cast<const char *>(bytes),
                                                               element->getLength()));
  } else {
    char *characters = nullptr;
    if (element->getString(characters).bad() || characters == nullptr) return "";
    text = characters;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string value(DcmItem &item, const DcmTagKey &tag) {
  std::string text = read_all(item, tag);
  text = text.substr(0, text.find('\\'));
  const size_t first = text.find_first_not_of(' ');
  const size_t last = text.find_last_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

void encode(DcmObject &object, std::vector<uint8_t> &bytes) {
  std::array<uint8_t, 1 << 16> piece;
  DcmOutputBufferStream stream(piece.data(), offile_off_t(piece.size()));
  object.transferInit();
  OFCondition result = EC_StreamNotifyClient;
  while (result == EC_StreamNotifyClient) {
    result = object.write(stream, EXS_LittleEndianExplicit, EET_ExplicitLength, nullptr);
    void *start = nullptr;
    offile_off_t count = 0;
    stream.flushBuffer(start, count);
    const auto *first = static_cast<const uint8_t *>(start);
    bytes.insert(bytes.end(), first, first + count);
    if (count == 0) break;
  }
  check(result);
  object.transferEnd();
}

void hand_out(const std::vector<uint8_t> &bytes, uint8_t **copy, size_t *size) {
  *copy = static_cast<uint8_t *>(malloc(bytes.size()));
  if (*copy == nullptr) throw std::bad_alloc();
  memcpy(*copy, bytes.data(), bytes.size());
  *size = bytes.size();
}

void put(DcmItem &item, const DcmTagKey &tag, const std::string &text) {
  check(item.putAndInsertString(DcmTag(tag), text.c_str()));
}

void put(DcmItem &item, const DcmTagKey &tag, uint16_t number) {
  check(item.putAndInsertUint16(DcmTag(tag), number));
}

DcmItem &append(DcmItem &item, const DcmTagKey &sequence) {
  DcmItem *added = nullptr;
  check(item.findOrCreateSequenceItem(DcmTag(sequence), added, -2));
  if (added == nullptr) throw Failure(DICOM_WRITING_FAILED, "DCMTK made no item");
  return *added;
}

void code(DcmItem &item, const DcmTagKey &sequence, const char *scheme, const std::string &code,
          const std::string &meaning) {
  DcmItem &added = append(item, sequence);
  put(added, DCM_CodeValue, fitting(code, 16));
  put(added, DCM_CodingSchemeDesignator, std::string(scheme));
  put(added, DCM_CodeMeaning, fitting(meaning, 64));
}

void refer(DcmItem &item, const Source &source, const std::string &frames) {
  DcmItem &image = append(item, DCM_SourceImageSequence);
  put(image, DCM_ReferencedSOPClassUID, source.sop_class);
  put(image, DCM_ReferencedSOPInstanceUID, source.instance);
  if (!frames.empty()) put(image, DCM_ReferencedFrameNumber, frames);
  put(image, DCM_SpatialLocationsPreserved, std::string("YES"));
  code(image, DCM_PurposeOfReferenceCodeSequence, "DCM", "121322",
       "Source image for image processing operation");
}

std::string fitting(const std::string &text, size_t limit) {
  std::string fit;
  size_t characters = 0;
  for (const char c : text) {
    // A byte that continues a character of UTF-8 does not count.
    if ((c & 0xc0) != 0x80 && characters++ == limit) break;
    const bool is_control = static_cast<unsigned char>(c) < 32 || c == 127;
    fit += is_control ? ' ' : c == '\\' ? '/' : c;
  }
  while (!fit.empty() && fit.back() == ' ') fit.pop_back();
  return fit;
}

bool is_ascii(const std::string &text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) > 126) return false;
  return true;
}

} // namespace derived

using namespace derived;

const Source &dicom_derived::source(size_t index) const {
  if (index >= sources.size()) throw Failure(DICOM_WRITING_ARGUMENT, "there is no such source");
  return sources[index];
}

std::unique_ptr<DcmDataset> dicom_derived::start(const char *sop_class, const std::string &uid,
                                                 const char *modality, int number_offset,
                                                 bool has_own_letters) const {
  const Source &first = source(0);
  auto data = std::make_unique<DcmDataset>(shared);
  // Texts of our own beyond ASCII are UTF-8, so those of the source have to become that, too.
  if (has_own_letters && data->convertToUTF8().bad())
    throw Failure(DICOM_WRITING_ARGUMENT,
                  "its texts cannot be converted to UTF-8, as names beyond ASCII need; give names in ASCII");
  if (has_own_letters) put(*data, DCM_SpecificCharacterSet, std::string("ISO_IR 192"));
  put(*data, DCM_SOPClassUID, std::string(sop_class));
  put(*data, DCM_SOPInstanceUID, uid);
  put(*data, DCM_Modality, fitting(modality, 16));
  put(*data, DCM_SeriesInstanceUID,
      Hash().add("series").add(sop_class).add(first.series).add(field(DICOM_FIELD_FINGERPRINT)).uid());
  const long number = strtol(first.series_number.c_str(), nullptr, 10);
  put(*data, DCM_SeriesNumber,
      std::to_string(number_offset + (number > 0 && number < 100000000 ? number : 0)));
  put(*data, DCM_SeriesDescription, fitting(field(DICOM_FIELD_SERIES), 64));
  for (const auto &tag : {DCM_ContentDate, DCM_InstanceCreationDate})
    put(*data, tag, fitting(field(DICOM_FIELD_DATE), 8));
  for (const auto &tag : {DCM_ContentTime, DCM_InstanceCreationTime})
    put(*data, tag, fitting(field(DICOM_FIELD_TIME), 6));
  put(*data, DCM_Manufacturer, std::string("MCDRL"));
  put(*data, DCM_ManufacturerModelName, fitting(field(DICOM_FIELD_ALGORITHM), 64));
  // The run and its settings are the device.
  put(*data, DCM_DeviceSerialNumber, Hash().add(field(DICOM_FIELD_FINGERPRINT)).text().substr(0, 16));
  put(*data, DCM_SoftwareVersions, fitting(field(DICOM_FIELD_VERSION), 64));
  put(*data, DCM_PatientOrientation, std::string());
  return data;
}

bool dicom_derived::put_region(DcmItem &item) const {
  const Source &first = source(0);
  const std::string &own = field(DICOM_FIELD_REGION_CODE);
  if (!first.region_scheme.empty() && !first.region_code.empty() && !first.region_meaning.empty())
    code(item, DCM_AnatomicRegionSequence, first.region_scheme.c_str(), first.region_code, first.region_meaning);
  else if (!own.empty())
    code(item, DCM_AnatomicRegionSequence, "SCT", own, field(DICOM_FIELD_REGION_MEANING));
  else
    return false;
  return true;
}

void dicom_derived::put_lossy(DcmItem &item, const Source *only) const {
  const Source *lossy = only != nullptr && only->is_lossy ? only : nullptr;
  if (only == nullptr)
    for (const auto &source : sources)
      if (source.is_lossy && lossy == nullptr) lossy = &source;
  put(item, DCM_LossyImageCompression, std::string(lossy != nullptr ? "01" : "00"));
  if (lossy == nullptr) return;
  if (!lossy->lossy_ratio.empty()) put(item, DCM_LossyImageCompressionRatio, lossy->lossy_ratio);
  if (!lossy->lossy_method.empty()) put(item, DCM_LossyImageCompressionMethod, lossy->lossy_method);
}

std::vector<uint8_t> dicom_derived::encode(DcmDataset &data, const std::vector<uint8_t> &last, uint64_t size) {
  // An element cannot have more; the largest number means an undefined length.
  if (size > 0xfffffffe)
    throw Failure(DICOM_WRITING_LIMIT, "its pixels would have more than 4 GiB; give fewer frames at once");
  DcmFileFormat file(&data);
  check(file.validateMetaInfo(EXS_LittleEndianExplicit));
  std::vector<uint8_t> bytes;
  derived::encode(file, bytes);
  bytes.insert(bytes.end(), last.begin(), last.end());
  const uint8_t element[] = {0xe0, 0x7f, 0x10, 0x00, 'O', 'B', 0, 0,
                             uint8_t(size), uint8_t(size >> 8), uint8_t(size >> 16), uint8_t(size >> 24)};
  bytes.insert(bytes.end(), element, element + sizeof element);
  return bytes;
}

extern "C" {

dicom_derived *dicom_derived_open(void) {
  try {
    auto object = std::make_unique<dicom_derived>();
    object->fields[DICOM_FIELD_ALGORITHM] = "mcdrl";
    object->fields[DICOM_FIELD_VERSION] = "0";
    object->fields[DICOM_FIELD_SERIES] = "MCDRL";
    return object.release();
  } catch (...) {
    return nullptr;
  }
}

void dicom_derived_close(dicom_derived *object) {
  try {
    delete object;
  } catch (...) {
  }
}

int dicom_derived_add_source(dicom_derived *object, const char *path, char *message) {
  return guarded(message, [&] {
    const bool is_first = object->sources.empty();
    if (!is_first && !(object->segments.empty() && object->frames.empty()))
      throw Failure(DICOM_WRITING_ARGUMENT, "sources come before segments and frames");
    DcmDataset attributes;
    const Source added = read(path, is_first ? &attributes : nullptr);
    if (!is_first) {
      const Source &first = object->sources.front();
      if (added.study != first.study || added.series != first.series)
        throw Failure(DICOM_WRITING_ARGUMENT, "it is of another series than the first; write one for each series");
      if (added.width != first.width || added.height != first.height)
        throw Failure(DICOM_WRITING_ARGUMENT, "it has another size than the first; write one for each size");
      for (const auto &known : object->sources)
        if (known.instance == added.instance)
          throw Failure(DICOM_WRITING_ARGUMENT, "it has the SOPInstanceUID of an earlier file; give it once");
    } else {
      object->shared = attributes;
    }
    object->sources.push_back(added);
  });
}

int dicom_derived_source(const dicom_derived *object, size_t index, dicom_source_facts *facts, char *message) {
  return guarded(message, [&] {
    const Source &source = object->source(index);
    *facts = {source.width, source.height, source.frames, source.is_multiframe, source.is_lossy};
  });
}

int dicom_derived_group(const dicom_derived *object, char *group33, char *instance33, char *message) {
  return guarded(message, [&] {
    if (object->sources.empty()) throw Failure(DICOM_WRITING_ARGUMENT, "there is no source");
    const Source &last = object->sources.back();
    const std::string group =
        Hash().add(last.study).add(last.series).add(last.width).add(last.height).add(last.is_multiframe).text();
    memcpy(group33, group.c_str(), 33);
    memcpy(instance33, Hash().add(last.instance).text().c_str(), 33);
  });
}

int dicom_derived_set(dicom_derived *object, int field, const char *text, char *message) {
  return guarded(message, [&] {
    if (field < 0 || field >= DICOM_FIELD_COUNT) throw Failure(DICOM_WRITING_ARGUMENT, "there is no such field");
    object->fields[size_t(field)] = text;
  });
}
}
#endif
