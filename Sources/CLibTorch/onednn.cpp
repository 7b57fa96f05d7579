// Loads oneDNN.
#include "onednn.h"

#include "CLibTorch.h"

#ifdef MCDRL_HAS_ONEDNN
#include <dlfcn.h>
#include <string>

static const OneDNN *load() {
#ifdef __APPLE__
  const char *name = "libdnnl.3.dylib";
#else
  const char *name = "libdnnl.so.3";
#endif
  // It stays loaded to the end of the process.
  void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) return nullptr;
  static OneDNN found;
#define ONEDNN_LOAD(name) \
  found.name = reinterpret_cast<decltype(found.name)>(dlsym(library, "dnnl_" #name)); \
  if (!found.name) return nullptr;
  ONEDNN_FUNCTIONS(ONEDNN_LOAD)
#undef ONEDNN_LOAD
  if (found.version()->major != DNNL_VERSION_MAJOR) return nullptr;
  if (found.engine_create(&found.engine, dnnl_cpu, 0) != dnnl_success) return nullptr;
  return &found;
}

const OneDNN *onednn() {
  static const OneDNN *found = load();
  return found;
}

extern "C" const char *mcdrl_onednn_version(void) {
  if (!onednn()) return nullptr;
  static const std::string text = [] {
    auto version = onednn()->version();
    return std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
  }();
  return text.c_str();
}
#else
extern "C" const char *mcdrl_onednn_version(void) { return nullptr; }
#endif
