// Frames of encapsulated pixels: which fragments they have, and what kind of JPEG they are.
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace dicom {

static DcmPixelItem &fragment(dicom_file &file, unsigned long index) {
  DcmPixelItem *item = nullptr;
  if (file.fragments->getItem(item, index).bad() || !item) damaged("a fragment is missing");
  // DCMTK keeps a length that reaches past the end of the file.
  if (item->getLength() > file.size) damaged("a fragment is cut short");
  return *item;
}

// The first bytes of a fragment, without the rest of it.
static std::vector<Uint8> head(dicom_file &file, unsigned long index, uint32_t count) {
  auto &item = fragment(file, index);
  const auto length = item.getLength();
  std::vector<Uint8> bytes(length < count ? length : count);
  if (bytes.empty()) return bytes;
  if (item.getPartialValue(bytes.data(), 0, (Uint32)bytes.size(), &file.cache).bad()) damaged("a fragment is cut short");
  return bytes;
}

bool is_jpeg_2000(const std::vector<Uint8> &bytes) {
  static const Uint8 box[] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
  if (bytes.size() >= 4 && bytes[0] == 0xFF && bytes[1] == 0x4F && bytes[2] == 0xFF && bytes[3] == 0x51) return true;
  return bytes.size() >= sizeof box && !memcmp(bytes.data(), box, sizeof box);
}

void check_last_fragment(dicom_file &file, const char *path) {
  if (file.fragments->card() < 2) damaged("it has no fragment of pixels");
  const uint64_t length = fragment(file, file.fragments->card() - 1).getLength();
  // After it come at most seven bytes of an end mark.
  const uint64_t end_mark = 7;
  if (length + 8 > file.size) damaged("a fragment is cut short");
  const uint64_t first = file.size - length - 8, start = first > end_mark ? first - end_mark : 0;
  const Uint8 wanted[8] = {0xFE, 0xFF, 0x00, 0xE0, (Uint8)length, (Uint8)(length >> 8), (Uint8)(length >> 16),
                           (Uint8)(length >> 24)};
  Uint8 bytes[8 + end_mark] = {};
  std::ifstream stream(path, std::ios::binary);
  stream.seekg((std::streamoff)start);
  stream.read((char *)bytes, (std::streamsize)(first - start + 8));
  for (uint64_t at = 0; at <= first - start; at++)
    if (!memcmp(bytes + at, wanted, sizeof wanted)) return;
  damaged("a fragment is cut short");
}

// A frame of any JPEG begins so.
static bool begins_frame(const std::vector<Uint8> &bytes) {
  return is_jpeg_2000(bytes) || (bytes.size() >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF);
}

// The frame starts of the basic offset table; empty unless each entry points at a fragment.
static std::vector<unsigned long> table(dicom_file &file) {
  std::vector<unsigned long> found;
  auto &item = fragment(file, 0);
  const size_t count = file.facts.frames;
  if (item.getLength() != count * 4) return found;
  std::vector<Uint8> bytes(count * 4);
  if (item.getPartialValue(bytes.data(), 0, (Uint32)bytes.size(), &file.cache).bad()) return found;
  unsigned long next = 1;
  uint64_t place = 0;
  for (size_t frame = 0; frame < count; frame++) {
    const Uint8 *b = &bytes[frame * 4];
    const uint64_t wanted = b[0] | b[1] << 8 | b[2] << 16 | (uint64_t)b[3] << 24;
    for (; place < wanted && next < file.fragments->card(); next++) place += 8 + fragment(file, next).getLength();
    if (place != wanted || next >= file.fragments->card() || (frame == 0 && next != 1) ||
        (frame && next == found.back()))
      return {};
    found.push_back(next);
  }
  return found;
}

// Offset tables are often missing and sometimes wrong, so where each frame has a fragment, or a frame can be told by
// its first bytes, the table is not asked.
static void find_starts(dicom_file &file) {
  if (!file.starts.empty()) return;
  const unsigned long count = file.fragments->card();
  const unsigned long frames = file.facts.frames;
  if (count < 2) damaged("it has no fragment of pixels");
  std::vector<unsigned long> found;
  if (count - 1 == frames) {
    for (unsigned long index = 1; index < count; index++) found.push_back(index);
  } else if (frames == 1) {
    found.push_back(1);
  } else if (count - 1 > frames) {
    for (unsigned long index = 1; index < count; index++)
      if (begins_frame(head(file, index, 12))) found.push_back(index);
    if (found.size() != frames || found.front() != 1) found = table(file);
  }
  if (found.size() != frames) damaged("its fragments do not make up its frames");
  found.push_back(count);
  file.starts = found;
}

static void append(dicom_file &file, unsigned long index, std::vector<Uint8> &bytes) {
  auto &item = fragment(file, index);
  const size_t length = item.getLength(), start = bytes.size();
  if (!length) return;
  bytes.resize(start + length);
  if (item.getPartialValue(bytes.data() + start, 0, (Uint32)length, &file.cache).bad())
    damaged("a fragment is cut short");
}

std::vector<Uint8> codestream(dicom_file &file, uint32_t frame) {
  if (!file.fragments) damaged("its pixels are not in fragments");
  find_starts(file);
  std::vector<Uint8> bytes;
  for (auto index = file.starts[frame]; index < file.starts[frame + 1]; index++) append(file, index, bytes);
  if (bytes.empty()) damaged("a frame has no bytes");
  return bytes;
}

JPEGHead jpeg_head(const std::vector<Uint8> &bytes) {
  JPEGHead head;
  if (bytes.size() < 4 || bytes[0] != 0xFF || bytes[1] != 0xD8) return head;
  size_t at = 2;
  while (at + 4 <= bytes.size()) {
    if (bytes[at] != 0xFF) return head;
    const unsigned marker = bytes[at + 1];
    if (marker == 0xFF) {
      at++;
      continue;
    }
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
      at += 2;
      continue;
    }
    const size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
    if (length < 2 || marker == 0xDA || marker == 0xD9 || at + 2 + length > bytes.size()) return head;
    const Uint8 *body = &bytes[at + 4];
    if (marker == 0xE0 && length >= 7 && !memcmp(body, "JFIF", 5)) head.has_jfif = true;
    if (marker == 0xEE && length >= 14 && !memcmp(body, "Adobe", 5)) head.has_adobe = true;
    const bool is_frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if ((is_frame || marker == 0xF7) && length >= 8) {
      head.marker = marker;
      head.precision = body[0];
      head.height = (unsigned)body[1] << 8 | body[2];
      head.width = (unsigned)body[3] << 8 | body[4];
      head.components = body[5];
      if (head.components == 3 && length >= 8 + 9)
        head.has_letters = body[6] == 'R' && body[9] == 'G' && body[12] == 'B';
      return head;
    }
    at += 2 + length;
  }
  return head;
}

static bool is_rgb(const dicom_file &file) { return !strcmp(file.facts.photometric, "RGB"); }

// Whether a JPEG is for the decoder of JPEG files, and where its colours are stated.
static int kind(const dicom_file &file, const JPEGHead &head) {
  if (head.marker < 0xC0 || head.marker > 0xC2 || head.precision != 8) return 0;
  if (head.components != 3 || head.has_jfif || head.has_adobe || head.has_letters) return 1;
  return is_rgb(file) ? 3 : 2;
}

}  // namespace dicom

int dicom_jpeg(dicom_file *file, uint32_t frame, uint8_t **out, size_t *size, int *is_jpeg, char *message) {
  *out = nullptr;
  *size = 0;
  *is_jpeg = 0;
  return dicom::guard(message, [&] {
    if (frame >= file->facts.frames) dicom::damaged("it has no such frame");
    auto bytes = dicom::codestream(*file, frame);
    const auto head = dicom::jpeg_head(bytes);
    *is_jpeg = dicom::kind(*file, head);
    if (!*is_jpeg) return;
    if (head.width != file->facts.columns || head.height != file->facts.rows)
      dicom::damaged("the JPEG in it has another size than the data set says");
    // Fragments have an even length; some writers pad with zeros, and some leave out the end mark.
    while (bytes.size() > 2 && bytes.back() == 0) bytes.pop_back();
    if (bytes.back() != 0xD9 || bytes[bytes.size() - 2] != 0xFF) {
      bytes.push_back(0xFF);
      bytes.push_back(0xD9);
    }
    *out = dicom::handed_out(bytes.data(), bytes.size());
    *size = bytes.size();
  });
}

int dicom_stream(dicom_file *file, uint64_t maximum_bytes, uint8_t **out, size_t *size, char *message) {
  *out = nullptr;
  return dicom::guard(message, [&] {
    if (!file->fragments) dicom::damaged("its pixels are not in fragments");
    uint64_t total = 0;
    for (unsigned long index = 1; index < file->fragments->card(); index++)
      total += dicom::fragment(*file, index).getLength();
    if (!total) dicom::damaged("it has no fragment of pixels");
    if (total > maximum_bytes) dicom::unsupported("its video is larger than the limit of a file");
    auto *bytes = static_cast<uint8_t *>(malloc((size_t)total));
    if (!bytes) throw std::bad_alloc();
    *out = bytes;
    uint64_t at = 0;
    for (unsigned long index = 1; index < file->fragments->card(); index++) {
      auto &item = dicom::fragment(*file, index);
      const auto length = item.getLength();
      if (length && item.getPartialValue(bytes + at, 0, length, &file->cache).bad()) {
        free(bytes);
        *out = nullptr;
        dicom::damaged("a fragment is cut short");
      }
      at += length;
    }
    *size = (size_t)total;
  });
}
#endif
