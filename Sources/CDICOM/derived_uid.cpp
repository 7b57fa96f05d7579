#include "derived.h"

#if __has_include(<mcdrl_has_dicom.h>)
#include <cstring>

namespace derived {

// SHA-256 (FIPS 180-4). The constants are the first bits of the cube roots of the first 64 primes.
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turned(uint32_t word, int by) { return word >> by | word << (32 - by); }

void Hash::block(const uint8_t *data) {
  uint32_t words[64];
  for (int i = 0; i < 16; i++)
    words[i] = uint32_t(data[4 * i]) << 24 | uint32_t(data[4 * i + 1]) << 16 | uint32_t(data[4 * i + 2]) << 8 |
               uint32_t(data[4 * i + 3]);
  for (int i = 16; i < 64; i++) {
    const uint32_t early = words[i - 15], late = words[i - 2];
    words[i] = words[i - 16] + (turned(early, 7) ^ turned(early, 18) ^ early >> 3) + words[i - 7] +
               (turned(late, 17) ^ turned(late, 19) ^ late >> 10);
  }
  auto now = state;
  for (int i = 0; i < 64; i++) {
    const uint32_t a = now[0], e = now[4];
    const uint32_t first = now[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) +
                           ((e & now[5]) ^ (~e & now[6])) + constants[i] + words[i];
    const uint32_t second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) +
                            ((a & now[1]) ^ (a & now[2]) ^ (now[1] & now[2]));
    now = {first + second, a, now[1], now[2], now[3] + first, e, now[5], now[6]};
  }
  for (size_t i = 0; i < 8; i++) state[i] += now[i];
}

void Hash::bytes(const uint8_t *data, size_t size) {
  size_t held = count % 64;
  count += size;
  if (held + size < 64) {
    if (size > 0) memcpy(pending.data() + held, data, size);
    return;
  }
  if (held > 0) {
    memcpy(pending.data() + held, data, 64 - held);
    block(pending.data());
    data += 64 - held;
    size -= 64 - held;
  }
  for (; size >= 64; data += 64, size -= 64) block(data);
  if (size > 0) memcpy(pending.data(), data, size);
}

// Each part comes with its length, so that ("ab", "c") is not ("a", "bc").
Hash &Hash::add(uint64_t number) {
  uint8_t data[8];
  for (int i = 0; i < 8; i++) data[i] = uint8_t(number >> (8 * i));
  bytes(data, sizeof data);
  return *this;
}

Hash &Hash::add(const std::string &part) {
  add(uint64_t(part.size()));
  bytes(reinterpret_cast<const uint8_t *>(part.data()), part.size());
  return *this;
}

Hash &Hash::add(const std::vector<uint8_t> &part) {
  add(uint64_t(part.size()));
  bytes(part.data(), part.size());
  return *this;
}

std::array<uint8_t, 16> Hash::digest() {
  const uint64_t total = count * 8;
  const uint8_t one = 0x80, zero = 0;
  bytes(&one, 1);
  while (count % 64 != 56) bytes(&zero, 1);
  uint8_t length[8];
  for (int i = 0; i < 8; i++) length[i] = uint8_t(total >> (56 - 8 * i));
  bytes(length, sizeof length);
  std::array<uint8_t, 16> result;
  for (size_t i = 0; i < 16; i++) result[i] = uint8_t(state[i / 4] >> (24 - 8 * (i % 4)));
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
