// NCCL, for libtorch with CUDA. Its class needs headers of CUDA and NCCL, which neither libtorch nor this package has. So
// the constructors are looked up by name in the loaded libtorch_cuda, and the base classes, whose headers libtorch has, do
// the rest. Not run on a GPU yet; its call was checked with a class of the same signature.
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

#include <cstring>
#include <new>

#include <dlfcn.h>

namespace {

// ProcessGroupNCCL::Options::Options(bool)
using MakeOptions = void (*)(void *, bool);
// ProcessGroupNCCL::ProcessGroupNCCL(intrusive_ptr<Store>, int, int, intrusive_ptr<Options>)
using MakeGroup =
    void (*)(void *, c10::intrusive_ptr<c10d::Store>, int, int, c10::intrusive_ptr<c10d::Backend::Options>);

void *find(const char *name) { return dlsym(RTLD_DEFAULT, name); }

MakeOptions options_constructor() {
  return reinterpret_cast<MakeOptions>(find("_ZN4c10d16ProcessGroupNCCL7OptionsC1Eb"));
}

MakeGroup group_constructor() {
  return reinterpret_cast<MakeGroup>(find(
      "_ZN4c10d16ProcessGroupNCCLC1EN3c1013intrusive_ptrINS_5StoreENS1_6detail34intrusive_target_default_null_typeIS3_EEEE"
      "iiNS2_INS0_7OptionsENS5_IS8_EEEE"));
}

// Memory for an object whose size is unknown here, and far smaller; it is freed as every object is.
void *room() {
  constexpr size_t bytes = 1 << 16;
  return std::memset(::operator new(bytes), 0, bytes);
}

}  // namespace

bool has_nccl() {
  load_accelerators();
  return options_constructor() && group_constructor();
}

c10::intrusive_ptr<c10d::Backend> make_nccl(
    const c10::intrusive_ptr<c10d::Store> &store, int rank, int count, std::chrono::milliseconds timeout) {
  if (!has_nccl()) return {};
  auto *options = room();
  options_constructor()(options, false);
  auto kept =
      c10::intrusive_ptr<c10d::Backend::Options>::unsafe_steal_from_new(static_cast<c10d::Backend::Options *>(options));
  kept->timeout = timeout;
  auto *group = room();
  group_constructor()(group, store, rank, count, kept);
  return c10::intrusive_ptr<c10d::Backend>::unsafe_steal_from_new(static_cast<c10d::Backend *>(group));
}

#endif
