// What the files of the door share: tensors as C sees them, and exceptions as messages.
#pragma once
#include "CLibTorch.h"
#include "libtorch.h"

#include <cstring>
#include <string>

struct mcdrl_tensor { at::Tensor value; };

// Loads libtorch's part for CUDA, if it has one, at the first call.
void load_accelerators();

namespace {

inline char *copy(const std::string &text) {
  char *out = static_cast<char *>(std::malloc(text.size() + 1));
  if (out) std::memcpy(out, text.c_str(), text.size() + 1);
  return out;
}

template <typename Body> int guarded(char **error, Body body) noexcept {
  try {
    body();
    return 0;
  } catch (const c10::Error &e) {
    *error = copy(e.what_without_backtrace());
  } catch (const std::exception &e) {
    *error = copy(e.what());
  } catch (...) {
    *error = copy("unknown C++ exception");
  }
  return 1;
}

inline mcdrl_tensor_t wrap(at::Tensor value) { return new mcdrl_tensor{std::move(value)}; }

}  // namespace
