#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <algorithm>

namespace derived {

// Each part comes with its length, so that ("ab", "c") is not ("a", "bc").
Hash &Hash::add(uint64_t number) {
  uint8_t data[8];
  for (int i = 0; i < 8; i++) data[i] = uint8_t(number >> (8 * i));
  mcdrl_sha256_add(&hash, data, sizeof data);
  return *this;
}

Hash &Hash::add(const std::string &part) {
  add(uint64_t(part.size()));
  mcdrl_sha256_add(&hash, reinterpret_cast<const uint8_t *>(part.data()), part.size());
  return *this;
}

Hash &Hash::add(const std::vector<uint8_t> &part) {
  add(uint64_t(part.size()));
  mcdrl_sha256_add(&hash, part.data(), part.size());
  return *this;
}

std::array<uint8_t, 16> Hash::digest() {
  uint8_t whole[32];
  mcdrl_sha256_finish(&hash, whole);
  std::array<uint8_t, 16> result;
  std::copy(whole, whole + result.size(), result.begin());
  return result;
}

std::string Hash::uid() {
  auto uuid = digest();
  uuid[6] = uint8_t((uuid[6] & 0x0f) | 0x80);
  uuid[8] = uint8_t((uuid[8] & 0x3f) | 0x80);
  unsigned __int128 number = 0;
  for (const uint8_t byte : uuid) number = number << 8 | byte;
  std::string digits;
  for (; number > 0; number /= 10) digits.insert(digits.begin(), char('0' + int(number % 10)));
  return "2.25." + digits;
}

std::string Hash::text() {
  std::string text;
  for (const uint8_t byte : digest()) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

} // namespace derived
#endif
