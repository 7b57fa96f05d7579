// JPEG 2000 through OpenJPEG, which DCMTK does not decode.
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <openjpeg.h>

#include <cstring>
#include <memory>

namespace dicom {
namespace {

struct Memory {
  const Uint8 *bytes;
  size_t size, at;
};

OPJ_SIZE_T read_some(void *buffer, OPJ_SIZE_T wanted, void *context) {
  auto &memory = *static_cast<Memory *>(context);
  const size_t left = memory.size - memory.at;
  if (!left) return (OPJ_SIZE_T)-1;
  const size_t count = wanted < left ? wanted : left;
  memcpy(buffer, memory.bytes + memory.at, count);
  memory.at += count;
  return count;
}

OPJ_OFF_T skip_some(OPJ_OFF_T count, void *context) {
  auto &memory = *static_cast<Memory *>(context);
  if (count < 0) return -1;
  const size_t left = memory.size - memory.at;
  if ((uint64_t)count > left) count = (OPJ_OFF_T)left;
  memory.at += (size_t)count;
  return count;
}

OPJ_BOOL seek_to(OPJ_OFF_T place, void *context) {
  auto &memory = *static_cast<Memory *>(context);
  if (place < 0 || (uint64_t)place > memory.size) return OPJ_FALSE;
  memory.at = (size_t)place;
  return OPJ_TRUE;
}

// Whether the codestream says that its components were transformed (COD: multiple component transformation).
bool is_transformed(const std::vector<Uint8> &bytes) {
  size_t at = 0;
  while (at + 4 <= bytes.size() && !(bytes[at] == 0xFF && bytes[at + 1] == 0x4F && bytes[at + 2] == 0xFF &&
                                     bytes[at + 3] == 0x51))
    at++;
  at += 2;
  while (at + 9 <= bytes.size() && bytes[at] == 0xFF) {
    const unsigned marker = bytes[at + 1];
    if (marker == 0x52) return bytes[at + 8] != 0;
    if (marker == 0x90 || marker == 0x93) return false;
    at += 2 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
  }
  return false;
}

void ignore(const char *, void *) {}

void check(const opj_image_t &image, const dicom_facts &facts) {
  if (image.numcomps != 1 && image.numcomps != 3) unsupported("the JPEG 2000 in it has neither 1 nor 3 components");
  if (image.numcomps != facts.samples) damaged("the JPEG 2000 in it has another number of samples");
  for (OPJ_UINT32 index = 0; index < image.numcomps; index++) {
    const auto &part = image.comps[index];
    if (part.dx != 1 || part.dy != 1) unsupported("the JPEG 2000 in it has components of different sizes");
    if (part.prec < 1 || part.prec > 16) unsupported("the JPEG 2000 in it has more than 16 bits");
    if (part.prec != image.comps[0].prec || part.sgnd != image.comps[0].sgnd)
      unsupported("the JPEG 2000 in it has components of different kinds");
  }
  if (image.x1 < image.x0 || image.y1 < image.y0 || image.x1 - image.x0 != facts.columns ||
      image.y1 - image.y0 != facts.rows)
    damaged("the JPEG 2000 in it has another size than the data set says");
}

}  // namespace

Samples decode_jpeg_2000(const std::vector<Uint8> &bytes, const dicom_facts &facts) {
  Memory memory = {bytes.data(), bytes.size(), 0};
  std::unique_ptr<opj_codec_t, void (*)(opj_codec_t *)> codec(
      opj_create_decompress(bytes[0] == 0 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K), opj_destroy_codec);
  std::unique_ptr<opj_stream_t, void (*)(opj_stream_t *)> stream(
      opj_stream_create(OPJ_J2K_STREAM_CHUNK_SIZE, OPJ_TRUE), opj_stream_destroy);
  if (!codec || !stream) throw std::bad_alloc();
  opj_set_info_handler(codec.get(), ignore, nullptr);
  opj_set_warning_handler(codec.get(), ignore, nullptr);
  opj_set_error_handler(codec.get(), ignore, nullptr);
  opj_stream_set_user_data(stream.get(), &memory, nullptr);
  opj_stream_set_user_data_length(stream.get(), bytes.size());
  opj_stream_set_read_function(stream.get(), read_some);
  opj_stream_set_skip_function(stream.get(), skip_some);
  opj_stream_set_seek_function(stream.get(), seek_to);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (!opj_setup_decoder(codec.get(), &parameters)) throw std::bad_alloc();

  opj_image_t *raw = nullptr;
  const bool has_header = opj_read_header(stream.get(), codec.get(), &raw);
  std::unique_ptr<opj_image_t, void (*)(opj_image_t *)> image(raw, opj_image_destroy);
  if (!has_header || !image) damaged("the header of its JPEG 2000 is cut short or corrupt");
  check(*image, facts);
  if (!opj_decode(codec.get(), stream.get(), image.get())) damaged("its JPEG 2000 is cut short or corrupt");
  check(*image, facts);

  Samples samples;
  samples.components = image->numcomps;
  samples.bits = image->comps[0].prec;
  samples.allocated = samples.bits > 8 ? 16 : 8;
  samples.is_signed = image->comps[0].sgnd;
  samples.is_transformed = is_transformed(bytes);
  const size_t count = (size_t)facts.rows * facts.columns;
  const unsigned width = samples.allocated / 8, step = samples.components * width;
  samples.bytes.resize(count * step);
  const bool is_signed = samples.is_signed;
  const int64_t span = int64_t(1) << (facts.bits_stored < 32 ? facts.bits_stored : 32);
  const int64_t least = is_signed ? -span / 2 : 0, most = is_signed ? span / 2 - 1 : span - 1;
  for (unsigned part = 0; part < samples.components; part++) {
    const auto &plane = image->comps[part];
    if (!plane.data || (size_t)plane.w * plane.h != count) damaged("its JPEG 2000 lacks a component");
    Uint8 *out = samples.bytes.data() + part * width;
    for (size_t index = 0; index < count; index++, out += step) {
      const OPJ_INT32 value = plane.data[index];
      if (value < least || value > most) samples.fits = false;
      out[0] = (Uint8)value;
      if (width == 2) out[1] = (Uint8)(value >> 8);
    }
  }
  return samples;
}

}  // namespace dicom
#endif
