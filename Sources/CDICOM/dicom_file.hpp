// What the files of the reader share. Compiled only with DCMTK.
#pragma once
#include "CDICOM.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcfcache.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

struct dicom_file {
  DcmFileFormat format;
  DcmFileCache cache;
  DcmDataset *data = nullptr;
  DcmPixelData *pixels = nullptr;
  DcmPixelSequence *fragments = nullptr;
  E_TransferSyntax syntax = EXS_Unknown;
  dicom_facts facts = {};
  // The size of the file in bytes.
  uint64_t size = 0;
  // The first fragment of each frame, and one past the last of all; empty until a frame is read.
  std::vector<unsigned long> starts;
  // Of a segmentation: the description of each frame, and the labels of the segments; empty until one is asked for.
  std::vector<DcmItem *> groups;
  std::map<uint16_t, std::string> labels;
};

namespace dicom {

// An error of ours: its text is a constant, so it holds no value of a patient.
struct Failure : std::runtime_error {
  int code;
  Failure(int code, const char *text) : std::runtime_error(text), code(code) {}
};

[[noreturn]] inline void damaged(const char *text) { throw Failure(DICOM_DAMAGED, text); }
[[noreturn]] inline void unsupported(const char *text) { throw Failure(DICOM_UNSUPPORTED, text); }

// Runs a body and turns every exception into a code and a message.
int guarded(char *message, void (*body)(void *), void *context);
template <typename Body> int guard(char *message, Body body) {
  return guarded(message, [](void *context) { (*static_cast<Body *>(context))(); }, &body);
}

// Gives the description of a frame the palettes that the file stores in segments.
void expand_palettes(dicom_file &file, DcmDataset &data);

// The bits of an uncompressed frame.
uint64_t frame_bits(const dicom_facts &facts);

// The bytes of an encapsulated frame.
std::vector<Uint8> codestream(dicom_file &file, uint32_t frame);

// The head of a JPEG or JPEG-LS frame.
struct JPEGHead {
  unsigned marker = 0, precision = 0, width = 0, height = 0, components = 0;
  bool has_jfif = false, has_adobe = false, has_letters = false;
};
JPEGHead jpeg_head(const std::vector<Uint8> &bytes);
bool is_jpeg_2000(const std::vector<Uint8> &bytes);

// The samples of a JPEG 2000 frame, and what they are.
struct Samples {
  std::vector<Uint8> bytes;
  unsigned components = 1, bits = 8, allocated = 8;
  bool is_signed = false, is_transformed = false;
  // Whether each number fits into the stored bits that the data set states.
  bool fits = true;
};
Samples decode_jpeg_2000(const std::vector<Uint8> &bytes, const dicom_facts &facts);

// Checks that the last fragment is whole, in a file that ends without the mark of the last fragment.
void check_last_fragment(dicom_file &file, const char *path);

// Counts the item tags in blocks of bytes.
struct ItemCounter {
  uint64_t items = 0;
  std::vector<Uint8> text;
  void add(const Uint8 *bytes, size_t count);
};
uint64_t count_items(const char *path);
// Runs a body on a stack that is deep enough for so many nested items; throws what it throws.
void on_stack(uint64_t items, void (*body)(void *), void *context);
template <typename Body> void with_stack(uint64_t items, Body body) {
  on_stack(items, [](void *context) { (*static_cast<Body *>(context))(); }, &body);
}
void check_depth(DcmItem &data);

// A copy on the heap for the caller; throws std::bad_alloc.
uint8_t *handed_out(const void *bytes, size_t size);

}  // namespace dicom
