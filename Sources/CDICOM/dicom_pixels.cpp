// One frame of any transfer syntax, as 8-bit grey or RGB. Each frame becomes a small data set of its own, which DCMTK
// decodes and shows: the memory is that of one frame, however many there are.
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <dcmtk/dcmimgle/dcmimage.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace dicom {

// An element of the description above this size is no look-up table.
static const Uint32 largest_element = 1 << 20;

// The description of the pixels for one frame: what DicomImage reads, and nothing of the patient.
static std::unique_ptr<DcmDataset> description(dicom_file &file) {
  auto data = std::make_unique<DcmDataset>();
  for (DcmObject *object = nullptr; (object = file.data->nextInContainer(object));) {
    const DcmTagKey key = object->getTag();
    if (key.getGroup() > 0x2050) break;
    if (key.getGroup() != 0x0028 && key != DCM_SOPClassUID && key != DCM_Modality && key != DCM_PresentationLUTShape)
      continue;
    if (object->getLength() > largest_element) continue;
    auto *element = dynamic_cast<DcmElement *>(object->clone());
    if (!element) continue;
    if (data->insert(element, OFTrue).bad()) delete element;
  }
  if (!strcmp(file.facts.photometric, "PALETTE COLOR")) expand_palettes(file, *data);
  data->putAndInsertString(DCM_NumberOfFrames, "1");
  return data;
}

static void put(DcmDataset &data, const DcmTagKey &key, unsigned value) {
  if (data.putAndInsertUint16(key, (Uint16)value).bad()) throw std::bad_alloc();
}

static void put_samples(DcmDataset &data, std::vector<Uint8> &bytes, unsigned allocated) {
  if (bytes.size() % 2) bytes.push_back(0);
  OFCondition condition;
  if (allocated <= 8) {
    condition = data.putAndInsertUint8Array(DCM_PixelData, bytes.data(), bytes.size());
  } else {
    condition = data.putAndInsertUint16Array(DCM_PixelData, (const Uint16 *)bytes.data(), bytes.size() / 2);
  }
  if (condition.bad()) throw std::bad_alloc();
}

// Shows a data set of one frame as dcmj2pnm does with its defaults, without overlays: the modality transformation,
// no window, 8 bits.
static std::vector<Uint8> show(dicom_file &file, DcmDataset &data, E_TransferSyntax syntax, uint32_t &channels) {
  DicomImage image(&data, syntax, 0UL, 0UL, 1UL);
  switch (image.getStatus()) {
  case EIS_Normal: break;
  case EIS_MemoryFailure: throw std::bad_alloc();
  case EIS_MissingAttribute: damaged("it lacks an attribute that its kind of pixels needs");
  case EIS_NotSupportedValue: unsupported("its kind of pixels is not one that DCMTK shows");
  default: damaged("its pixels cannot be decoded");
  }
  if (image.getWidth() != file.facts.columns || image.getHeight() != file.facts.rows)
    damaged("its pixels have another size than the data set says");
  channels = image.isMonochrome() ? 1 : 3;
  if (channels == 1 && !image.setNoVoiTransformation()) damaged("its pixels cannot be shown");
  const size_t size = (size_t)file.facts.rows * file.facts.columns * channels;
  if (image.getOutputDataSize(8) < size) damaged("its pixels cannot be shown");
  std::vector<Uint8> out(image.getOutputDataSize(8));
  if (!image.getOutputData(out.data(), out.size(), 8, 0, 0)) damaged("its pixels cannot be shown");
  out.resize(size);
  return out;
}

uint64_t frame_bits(const dicom_facts &facts) {
  const uint64_t bits = (uint64_t)facts.rows * facts.columns * facts.samples * facts.bits_allocated;
  // Two pixels share their colours.
  return !strcmp(facts.photometric, "YBR_FULL_422") && facts.samples == 3 ? bits / 3 * 2 : bits;
}

// A frame of uncompressed pixels, read from its place in the file.
static std::vector<Uint8> native(dicom_file &file, uint32_t frame, DcmDataset &data) {
  const auto &facts = file.facts;
  const uint64_t bits = frame_bits(facts);
  const uint64_t first = bits * frame, end = first + bits;
  const uint64_t length = file.pixels->getLength(file.syntax);
  if ((end + 7) / 8 > length) damaged("its pixels are cut short");
  const uint64_t from = first / 8, to = (end + 7) / 8;
  std::vector<Uint8> bytes((size_t)(to - from));
  if (to > UINT32_MAX) unsupported("its pixels take more than 4 GiB");
  if (file.pixels->getPartialValue(bytes.data(), (Uint32)from, (Uint32)bytes.size(), &file.cache, EBO_LittleEndian)
          .bad())
    damaged("its pixels are cut short");
  if (facts.bits_allocated != 1) return bytes;
  std::vector<Uint8> samples((size_t)bits);
  const size_t skipped = first % 8;
  for (size_t index = 0; index < samples.size(); index++)
    samples[index] = bytes[(index + skipped) / 8] >> (index + skipped) % 8 & 1;
  put(data, DCM_BitsAllocated, 8);
  put(data, DCM_BitsStored, 1);
  put(data, DCM_HighBit, 0);
  put(data, DCM_PixelRepresentation, 0);
  return samples;
}

static void put_fragment(DcmDataset &data, std::vector<Uint8> &bytes, E_TransferSyntax syntax) {
  if (bytes.size() > UINT32_MAX - 1) unsupported("a frame takes more than 4 GiB");
  auto pixels = std::make_unique<DcmPixelData>(DCM_PixelData);
  auto sequence = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelSequenceTag));
  auto table = std::make_unique<DcmPixelItem>(DcmTag(DCM_PixelItemTag));
  if (sequence->insert(table.get()).bad()) throw std::bad_alloc();
  table.release();
  DcmOffsetList offsets;
  if (sequence->storeCompressedFrame(offsets, bytes.data(), (Uint32)bytes.size(), 0).bad()) throw std::bad_alloc();
  pixels->putOriginalRepresentation(syntax, nullptr, sequence.release());
  if (data.insert(pixels.get(), OFTrue).bad()) throw std::bad_alloc();
  pixels.release();
}

static std::vector<Uint8> jpeg_2000(dicom_file &file, DcmDataset &data, const std::vector<Uint8> &bytes,
                                    uint32_t &channels) {
  auto samples = decode_jpeg_2000(bytes, file.facts);
  put(data, DCM_BitsAllocated, samples.allocated);
  put(data, DCM_SamplesPerPixel, samples.components);
  // Bitstreams of 16 bits for 12 that are stored are common. The bitstream decides only where a number does not fit.
  if (!samples.fits || file.facts.bits_stored > samples.allocated) {
    put(data, DCM_BitsStored, samples.bits);
    put(data, DCM_HighBit, samples.bits - 1);
  }
  if (samples.is_signed) put(data, DCM_PixelRepresentation, 1);
  if (samples.components == 3) {
    put(data, DCM_PlanarConfiguration, 0);
    const char *stated = file.facts.photometric;
    const bool is_ybr = !strncmp(stated, "YBR_FULL", 8) && !samples.is_transformed;
    data.putAndInsertString(DCM_PhotometricInterpretation, is_ybr ? "YBR_FULL" : "RGB");
  }
  put_samples(data, samples.bytes, samples.allocated);
  return show(file, data, EXS_LittleEndianExplicit, channels);
}

static std::vector<Uint8> frame(dicom_file &file, uint32_t index, uint32_t &channels) {
  auto data = description(file);
  if (file.facts.storage == DICOM_VIDEO) unsupported("it holds a video");
  if (file.facts.storage == DICOM_NATIVE) {
    auto bytes = native(file, index, *data);
    put_samples(*data, bytes, file.facts.bits_allocated);
    return show(file, *data, EXS_LittleEndianExplicit, channels);
  }
  auto bytes = codestream(file, index);
  if (is_jpeg_2000(bytes)) return jpeg_2000(file, *data, bytes, channels);
  if (file.syntax == EXS_RLELossless) {
    // Two bytes hold at most 128.
    const auto &facts = file.facts;
    const uint64_t samples = (uint64_t)facts.rows * facts.columns * facts.samples;
    if (samples * facts.bits_allocated / 8 > (uint64_t)bytes.size() * 64) damaged("its pixels are cut short");
    put_fragment(*data, bytes, file.syntax);
    return show(file, *data, file.syntax, channels);
  }
  const auto head = jpeg_head(bytes);
  if (!head.marker) damaged("a frame is neither RLE, JPEG, JPEG-LS nor JPEG 2000, as its transfer syntax wants it");
  if (head.width != file.facts.columns || head.height != file.facts.rows)
    damaged("the JPEG in it has another size than the data set says");
  if (head.components != file.facts.samples) damaged("the JPEG in it has another number of samples");
  put_fragment(*data, bytes, file.syntax);
  return show(file, *data, file.syntax, channels);
}

}  // namespace dicom

int dicom_frame(dicom_file *file, uint32_t index, uint8_t **out, uint32_t *channels, char *message) {
  *out = nullptr;
  return dicom::guard(message, [&] {
    if (index >= file->facts.frames) dicom::damaged("it has no such frame");
    const auto pixels = dicom::frame(*file, index, *channels);
    *out = dicom::handed_out(pixels.data(), pixels.size());
  });
}

int dicom_show(dicom_file *file, const uint8_t *samples, size_t size, uint8_t **out, uint32_t *channels,
               char *message) {
  *out = nullptr;
  return dicom::guard(message, [&] {
    if (size != (size_t)file->facts.rows * file->facts.columns || file->facts.samples != 1)
      dicom::damaged("the JPEG in it has another size than the data set says");
    auto data = dicom::description(*file);
    std::vector<Uint8> bytes(samples, samples + size);
    dicom::put(*data, DCM_BitsAllocated, 8);
    if (file->facts.bits_stored > 8) {
      dicom::put(*data, DCM_BitsStored, 8);
      dicom::put(*data, DCM_HighBit, 7);
    }
    dicom::put_samples(*data, bytes, 8);
    const auto pixels = dicom::show(*file, *data, EXS_LittleEndianExplicit, *channels);
    *out = dicom::handed_out(pixels.data(), pixels.size());
  });
}
#endif
