// Devices beside the CPU, through the parts of libtorch that serve all of them: nothing of CUDA is included, and a build
// on a libtorch for the CPU is the same.
#include "door.h"
#include "libtorch_devices.h"

#include <memory>
#include <mutex>
#include <string>
#if defined(__linux__)
#include <dlfcn.h>
#include <link.h>
#include <unistd.h>
#endif

struct mcdrl_event { c10::Event value; };

namespace {

// The library that did not load, and why; empty if there is none, or if it loaded.
std::string problem;

// libtorch's own setters keep its two settings, the old one and the new, equal. They do not touch the CPU.
void set_exact_float32(bool exact) {
  at::globalContext().setAllowTF32CuBLAS(!exact);
  at::globalContext().setAllowTF32CuDNN(!exact);
}

#if defined(__linux__)
// The folder from which libtorch_cpu was loaded, with a slash at the end; empty if it is unknown.
std::string folder_of_libtorch() {
  std::string folder;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *out) {
        std::string path = info->dlpi_name ? info->dlpi_name : "";
        auto slash = path.rfind('/');
        if (slash == std::string::npos || path.compare(slash + 1, std::string::npos, "libtorch_cpu.so") != 0) return 0;
        *static_cast<std::string *>(out) = path.substr(0, slash + 1);
        return 1;
      },
      &folder);
  return folder;
}

// Nothing of a program refers to libtorch_cuda, so the linker leaves it out. It registers its kernels when it loads.
void load_cuda() {
  auto folder = folder_of_libtorch();
  if (folder.empty()) return;
  auto path = folder + "libtorch_cuda.so";
  if (access(path.c_str(), F_OK) != 0) return;
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL)) {
    // A choice: float32 on CUDA is PyTorch's "high", in products as in convolutions.
    set_exact_float32(false);
  } else {
    const char *reason = dlerror();
    problem = reason ? reason : path + " does not load";
  }
}
#endif

c10::DeviceType accelerator(int32_t device_type) {
  auto type = static_cast<c10::DeviceType>(device_type);
  auto found = at::accelerator::getAccelerator();
  TORCH_CHECK(found == type, "this libtorch computes on no ", c10::DeviceTypeName(type, true), " device here");
  return type;
}

c10::DeviceIndex place(int32_t index) {
  return index < 0 ? at::accelerator::getDeviceIndex() : static_cast<c10::DeviceIndex>(index);
}

}  // namespace

void load_accelerators() {
#if defined(__linux__)
  // libtorch asks for CUDA once and remembers the answer, so this comes before its first operator.
  static std::once_flag once;
  std::call_once(once, [] {
    try {
      load_cuda();
    } catch (const std::exception &e) {
      problem = e.what();
    }
  });
#endif
}

extern "C" {

// What a damaged libtorch throws here means that it has no such device.
bool mcdrl_has_cuda(void) {
  load_accelerators();
  try {
    return at::hasCUDA();
  } catch (const std::exception &) {
    return false;
  }
}

bool mcdrl_has_mps(void) { return at::hasMPS(); }

const char *mcdrl_accelerator_problem(void) {
  load_accelerators();
  return problem.c_str();
}

int32_t mcdrl_device_count(int32_t device_type) {
  load_accelerators();
  auto type = static_cast<c10::DeviceType>(device_type);
  try {
    return at::accelerator::getAccelerator() == type ? at::accelerator::deviceCount() : 0;
  } catch (const std::exception &) {
    return 0;
  }
}

int mcdrl_synchronize(int32_t device_type, int32_t index, char **error) {
  return guarded(error, [&] {
    accelerator(device_type);
    at::accelerator::synchronizeDevice(place(index));
  });
}

int mcdrl_event_record(int32_t device_type, int32_t index, mcdrl_event_t *out, char **error) {
  return guarded(error, [&] {
    auto type = accelerator(device_type);
    // The default of PyTorch has no clock.
    auto event = std::make_unique<mcdrl_event>(mcdrl_event{c10::Event(type, c10::EventFlag::BACKEND_DEFAULT)});
    event->value.record(at::accelerator::getCurrentStream(place(index)));
    *out = event.release();
  });
}

int mcdrl_event_seconds(mcdrl_event_t from, mcdrl_event_t to, double *seconds, char **error) {
  return guarded(error, [&] {
    from->value.synchronize();
    to->value.synchronize();
    *seconds = from->value.elapsedTime(to->value) / 1e3;
  });
}

void mcdrl_event_free(mcdrl_event_t event) { delete event; }

int mcdrl_device_memory(
    int32_t device_type, int32_t index, int64_t *allocated, int64_t *peak, int64_t *reserved, char **error) {
  return guarded(error, [&] {
    accelerator(device_type);
    auto found = at::accelerator::getDeviceStats(place(index));
    constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    *allocated = found.allocated_bytes[all].current;
    *peak = found.allocated_bytes[all].peak;
    *reserved = found.reserved_bytes[all].peak;
  });
}

int mcdrl_reset_peak_memory(int32_t device_type, int32_t index, char **error) {
  return guarded(error, [&] {
    accelerator(device_type);
    at::accelerator::resetPeakStats(place(index));
  });
}

int mcdrl_set_exact_float32(bool exact, char **error) {
  return guarded(error, [&] {
    load_accelerators();
    set_exact_float32(exact);
  });
}

int mcdrl_has_exact_float32(bool *exact, char **error) {
  return guarded(error, [&] {
    load_accelerators();
    *exact = !at::globalContext().allowTF32CuBLAS();
  });
}

}  // extern "C"
