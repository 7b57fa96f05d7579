// Opens DICOM files with DCMTK and describes them. Pixels stay in the file until a frame is asked for.
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <dcmtk/dcmdata/dcistrmf.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dcspchrs.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>

namespace dicom {

int guarded(char *message, void (*body)(void *), void *context) {
  const char *text = "";
  int code = DICOM_OK;
  message[0] = 0;
  try {
    body(context);
    return DICOM_OK;
  } catch (const Failure &failure) {
    snprintf(message, DICOM_MESSAGE_LENGTH, "%s", failure.what());
    return failure.code;
  } catch (const std::bad_alloc &) {
    code = DICOM_DAMAGED, text = "it asks for more memory than there is";
  } catch (...) {
    // The text of a foreign exception may quote the file.
    code = DICOM_DAMAGED, text = "the library gave up";
  }
  snprintf(message, DICOM_MESSAGE_LENGTH, "%s", text);
  return code;
}

uint8_t *handed_out(const void *bytes, size_t size) {
  auto *copy = static_cast<uint8_t *>(malloc(size ? size : 1));
  if (!copy) throw std::bad_alloc();
  memcpy(copy, bytes, size);
  return copy;
}

// Once a process: silence, and the decoders. DCMTK's registries are for all threads.
static void prepare() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
    DJLSDecoderRegistration::registerCodecs();
  });
}

// Copies the first value of an element; an empty text where there is none.
static void copy(DcmItem &item, const DcmTagKey &key, char *out, size_t size) {
  OFString text;
  out[0] = 0;
  if (item.findAndGetOFString(key, text).bad()) return;
  while (!text.empty() && (text[text.size() - 1] == ' ' || text[text.size() - 1] == 0)) text.erase(text.size() - 1);
  snprintf(out, size, "%s", text.c_str());
}

static uint32_t number(DcmItem &item, const DcmTagKey &key, uint32_t otherwise) {
  Uint16 value = 0;
  return item.findAndGetUint16(key, value).good() ? value : otherwise;
}

static uint32_t frames(DcmItem &item) {
  OFString text;
  if (item.findAndGetOFString(DCM_NumberOfFrames, text).bad() || text.empty()) return 1;
  char *end = nullptr;
  const long count = strtol(text.c_str(), &end, 10);
  if (end == text.c_str() || count < 0 || count > INT32_MAX) damaged("its number of frames is not a number");
  return count ? (uint32_t)count : 1;
}

static void describe(dicom_file &file) {
  auto &facts = file.facts;
  auto &data = *file.data;
  copy(data, DCM_SOPClassUID, facts.sop_class, sizeof facts.sop_class);
  copy(data, DCM_SOPInstanceUID, facts.sop_instance, sizeof facts.sop_instance);
  copy(data, DCM_SeriesInstanceUID, facts.series, sizeof facts.series);
  copy(data, DCM_PhotometricInterpretation, facts.photometric, sizeof facts.photometric);
  if (auto *meta = file.format.getMetaInfo())
    copy(*meta, DCM_TransferSyntaxUID, facts.transfer_syntax, sizeof facts.transfer_syntax);
  char maker[16], type[16];
  copy(data, DCM_Manufacturer, maker, sizeof maker);
  copy(data, DCM_ImageType, type, sizeof type);
  facts.is_own = !strcmp(maker, "MCDRL") && !strcmp(type, "DERIVED");
  const DcmXfer transfer(file.syntax);
  if (!facts.transfer_syntax[0] && file.syntax != EXS_Unknown)
    snprintf(facts.transfer_syntax, sizeof facts.transfer_syntax, "%s", transfer.getXferID());
  facts.rows = number(data, DCM_Rows, 0);
  facts.columns = number(data, DCM_Columns, 0);
  facts.samples = number(data, DCM_SamplesPerPixel, 1);
  facts.bits_allocated = number(data, DCM_BitsAllocated, 8);
  facts.bits_stored = number(data, DCM_BitsStored, facts.bits_allocated);
  facts.storage = transfer.isEncapsulated() ? DICOM_ENCAPSULATED : DICOM_NATIVE;
  // MPEG-2 is .100 and .101, H.264 .102 to .106, H.265 .107 and .108; a version for fragments ends in .1.
  static const char video[] = "1.2.840.10008.1.2.4.10";
  const char *syntax = facts.transfer_syntax;
  if (!strncmp(syntax, video, sizeof video - 1) && strchr("012345678", syntax[sizeof video - 1]) &&
      syntax[sizeof video - 1])
    facts.storage = DICOM_VIDEO;
}

// Checks that there are as many frames as the data set states, since callers make a list of them.
static void check_frames(const dicom_file &file) {
  const auto &facts = file.facts;
  if (file.fragments) {
    if (facts.frames >= file.fragments->card()) damaged("it states more frames than it has fragments");
  } else if (frame_bits(facts) * facts.frames > 8 * (uint64_t)file.pixels->getLength(file.syntax)) {
    damaged("it states more frames than it has");
  }
}

// Finds the pixels and checks that their description makes sense.
static void find_pixels(dicom_file &file, uint64_t maximum_pixels) {
  DcmElement *element = nullptr;
  if (file.data->findAndGetElement(DCM_PixelData, element).bad()) {
    if (file.data->tagExists(DCM_FloatPixelData) || file.data->tagExists(DCM_DoubleFloatPixelData))
      unsupported("its pixels are floating-point numbers");
    throw Failure(DICOM_NO_PIXELS, "no pixels");
  }
  file.pixels = dynamic_cast<DcmPixelData *>(element);
  if (!file.pixels) damaged("its pixels are not stored as pixels");
  auto &facts = file.facts;
  if (facts.storage != DICOM_NATIVE) {
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *parameter = nullptr;
    file.pixels->getOriginalRepresentationKey(syntax, parameter);
    if (file.pixels->getEncapsulatedRepresentation(syntax, parameter, file.fragments).bad() || !file.fragments)
      damaged("its pixels are not in fragments, as its transfer syntax wants them");
  }
  facts.frames = frames(*file.data);
  if (!facts.rows || !facts.columns) damaged("it states no rows or no columns");
  if ((uint64_t)facts.rows * facts.columns > maximum_pixels) throw Failure(DICOM_TOO_LARGE, "too many pixels");
  if (facts.samples != 1 && facts.samples != 3) unsupported("its pixels have neither 1 nor 3 samples");
  switch (facts.bits_allocated) {
  case 1: case 8: case 16: case 32: break;
  default: unsupported("its samples take another number of bits than 1, 8, 16 or 32");
  }
  if (facts.storage != DICOM_VIDEO && facts.frames > 1) check_frames(file);
  if (!facts.bits_stored || facts.bits_stored > facts.bits_allocated)
    damaged("its samples store more bits than they have");
}

// A deflated data set is in memory whole, so it is measured first. Returns its number of items.
static uint64_t count_inflated(const char *path, offile_off_t start, uint64_t maximum_bytes) {
  DcmInputFileStream stream(path, start);
  if (stream.installCompressionFilter(ESC_zlib).bad()) unsupported("DCMTK was built without zlib");
  std::vector<Uint8> block(1 << 16);
  uint64_t total = 0;
  ItemCounter counter;
  while (stream.good() && !stream.eos()) {
    const auto got = stream.read(block.data(), (offile_off_t)block.size());
    if (got <= 0) break;
    total += (uint64_t)got;
    if (total > maximum_bytes) unsupported("its deflated data set is larger than the limit of a file");
    counter.add(block.data(), (size_t)got);
  }
  return counter.items;
}

// Returns the number of items of the data set if it is deflated, and else 0.
static uint64_t count_if_deflated(const char *path, uint64_t maximum_bytes) {
  DcmMetaInfo meta;
  DcmInputFileStream stream(path);
  if (stream.status().bad()) damaged("it cannot be read");
  meta.transferInit();
  const auto condition = meta.read(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
  meta.transferEnd();
  OFString syntax;
  if (condition.bad() || meta.findAndGetOFString(DCM_TransferSyntaxUID, syntax).bad()) return 0;
  return syntax == UID_DeflatedExplicitVRLittleEndianTransferSyntax
             ? count_inflated(path, stream.tell(), maximum_bytes)
             : 0;
}

static void load(dicom_file &file, const char *path, uint64_t maximum_pixels) {
  const auto condition = file.format.loadFile(path, EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_autoDetect);
  file.data = file.format.getDataset();
  if (!file.data) damaged("it holds no data set");
  check_depth(*file.data);
  file.syntax = file.data->getOriginalXfer();
  describe(file);
  if (condition.bad()) {
    // Pixels at the end of the file may lack their end mark; then the last fragment has to be whole.
    if (file.facts.storage == DICOM_NATIVE || !file.data->tagExists(DCM_PixelData))
      damaged("its elements are cut short or corrupt");
  }
  if (file.data->card() == 0) damaged("it holds no data set");
  find_pixels(file, maximum_pixels);
  if (condition.bad()) check_last_fragment(file, path);
}

// Opens a file; what an error leaves is freed where there is stack enough.
static dicom_file *open(const char *path, uint64_t maximum_pixels, uint64_t maximum_bytes, dicom_facts &facts) {
  prepare();
  uint64_t items = count_items(path);
  with_stack(items, [&] { items += count_if_deflated(path, maximum_bytes); });
  dicom_file *opened = nullptr;
  with_stack(items, [&] {
    auto file = std::make_unique<dicom_file>();
    file->size = std::filesystem::file_size(path);
    try {
      load(*file, path, maximum_pixels);
    } catch (...) {
      facts = file->facts;
      throw;
    }
    facts = file->facts;
    opened = file.release();
  });
  return opened;
}

}  // namespace dicom

int dicom_open(const char *path, uint64_t maximum_pixels, uint64_t maximum_bytes, dicom_file **file,
               dicom_facts *facts, char *message) {
  *file = nullptr;
  memset(facts, 0, sizeof *facts);
  return dicom::guard(message, [&] { *file = dicom::open(path, maximum_pixels, maximum_bytes, *facts); });
}

void dicom_close(dicom_file *file) { delete file; }

size_t dicom_patient(dicom_file *file, char *out, size_t size) {
  char message[DICOM_MESSAGE_LENGTH];
  size_t length = 0;
  dicom::guard(message, [&] {
    OFString text, converted;
    if (file->data->findAndGetOFStringArray(DCM_PatientID, text).bad()) return;
    if (DcmSpecificCharacterSet::isConversionAvailable()) {
      DcmSpecificCharacterSet characters;
      // A wrong or unknown character set leaves the bytes as they are.
      if (characters.selectCharacterSet(*file->data).good() && characters.convertString(text, converted, "\\").good())
        text = converted;
    }
    size_t first = 0, last = text.size();
    while (last > first && (text[last - 1] == ' ' || text[last - 1] == 0)) last--;
    while (first < last && text[first] == ' ') first++;
    length = last - first < size ? last - first : size;
    memcpy(out, text.c_str() + first, length);
  });
  return length;
}

void dicom_free(void *memory) { free(memory); }
#endif
