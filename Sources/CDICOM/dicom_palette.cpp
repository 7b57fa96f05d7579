// Segmented palettes (DICOM PS3.3, C.7.9.2), which ultrasound machines write and DCMTK does not read.
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

namespace dicom {
namespace {

const size_t most_entries = 65536;

// Expands segments of a table; those that an indirect segment repeats may not be indirect.
struct Expansion {
  const Uint16 *words;
  size_t count;
  std::vector<Uint16> entries;

  Uint16 word(size_t at) const {
    if (at >= count) damaged("a segment of its palette is cut short");
    return words[at];
  }

  void put(double value) {
    if (entries.size() >= most_entries) damaged("its palette has too many entries");
    entries.push_back((Uint16)(value + 0.5));
  }

  // Expands the segment at a place and returns the place after it.
  size_t expand(size_t at, bool is_repeated) {
    const unsigned kind = word(at), length = word(at + 1);
    if (kind == 0) {
      for (unsigned index = 0; index < length; index++) put(word(at + 2 + index));
      return at + 2 + length;
    }
    if (kind == 1) {
      if (entries.empty() || !length) damaged("a segment of its palette follows none");
      const double from = entries.back(), step = (word(at + 2) - from) / length;
      for (unsigned index = 1; index <= length; index++) put(from + step * index);
      return at + 3;
    }
    if (kind != 2 || is_repeated) damaged("its palette has a segment of no known kind");
    size_t place = (word(at + 2) | (size_t)word(at + 3) << 16) / 2;
    for (unsigned index = 0; index < length; index++) place = expand(place, true);
    return at + 4;
  }
};

}  // namespace

void expand_palettes(dicom_file &file, DcmDataset &data) {
  static const DcmTagKey keys[3][3] = {
      {DCM_SegmentedRedPaletteColorLookupTableData, DCM_RedPaletteColorLookupTableData,
       DCM_RedPaletteColorLookupTableDescriptor},
      {DCM_SegmentedGreenPaletteColorLookupTableData, DCM_GreenPaletteColorLookupTableData,
       DCM_GreenPaletteColorLookupTableDescriptor},
      {DCM_SegmentedBluePaletteColorLookupTableData, DCM_BluePaletteColorLookupTableData,
       DCM_BluePaletteColorLookupTableDescriptor},
  };
  for (const auto &key : keys) {
    Expansion expansion = {};
    unsigned long count = 0;
    Uint16 bits = 0;
    if (file.data->tagExists(key[1]) ||
        file.data->findAndGetUint16Array(key[0], expansion.words, &count).bad() || !expansion.words)
      continue;
    // Tables of 8 bits pack their segments into bytes, which no file was found to do.
    if (file.data->findAndGetUint16(key[2], bits, 2).good() && bits != 16)
      unsupported("its segmented palette has other than 16 bits");
    expansion.count = count;
    for (size_t at = 0; at < expansion.count;) at = expansion.expand(at, false);
    if (data.putAndInsertUint16Array(key[1], expansion.entries.data(), expansion.entries.size()).bad())
      throw std::bad_alloc();
  }
}

}  // namespace dicom
#endif
