// DCMTK reads and frees nested sequences by recursion, so a small file could use up any stack. Each level needs an item
// tag: their number bounds the depth before DCMTK sees the file.
#if __has_include(<mcdrl_has_dicom.h>)
#include "dicom_file.hpp"

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>

#include <pthread.h>

namespace dicom {

// More stack than DCMTK takes for a level, in bytes; and what the rest of a call may take.
static const size_t level_stack = 6 << 10, base_stack = 2 << 20;
// Above this a file is refused, and below the other the caller's own stack will do.
static const uint64_t most_items = 1 << 20, few_items = 24;
static const unsigned deepest = 64;

void ItemCounter::add(const Uint8 *bytes, size_t count) {
  static const Uint8 little[] = {0xFE, 0xFF, 0x00, 0xE0}, big[] = {0xFF, 0xFE, 0xE0, 0x00};
  // A tag may lie across two blocks.
  text.insert(text.end(), bytes, bytes + count);
  const Uint8 *first = text.data(), *end = first + text.size(), *at = first;
  for (; (at = static_cast<const Uint8 *>(memchr(at, 0xE0, (size_t)(end - at)))); at++) {
    if (at - first >= 3 && !memcmp(at - 3, little, 4)) items++;
    if (at - first >= 2 && end - at >= 2 && !memcmp(at - 2, big, 4)) items++;
  }
  if (text.size() > 3) text.erase(text.begin(), text.end() - 3);
}

uint64_t count_items(const char *path) {
  std::unique_ptr<FILE, int (*)(FILE *)> file(fopen(path, "rb"), fclose);
  if (!file) damaged("it cannot be read");
  std::vector<Uint8> block(1 << 20);
  ItemCounter counter;
  size_t got;
  while ((got = fread(block.data(), 1, block.size(), file.get())) > 0) counter.add(block.data(), got);
  return counter.items;
}

namespace {
struct Call {
  void (*body)(void *);
  void *context;
  std::exception_ptr failure;
};

void *run(void *argument) {
  auto &call = *static_cast<Call *>(argument);
  try {
    call.body(call.context);
  } catch (...) {
    call.failure = std::current_exception();
  }
  return nullptr;
}
}  // namespace

void on_stack(uint64_t items, void (*body)(void *), void *context) {
  if (items > most_items) unsupported("it has more than a million items");
  if (items <= few_items) return body(context);
  Call call = {body, context, nullptr};
  pthread_attr_t attributes;
  pthread_t thread;
  if (pthread_attr_init(&attributes)) throw std::bad_alloc();
  // Only the pages that are used cost memory.
  const bool failed = pthread_attr_setstacksize(&attributes, base_stack + (size_t)items * level_stack) ||
                      pthread_create(&thread, &attributes, run, &call);
  pthread_attr_destroy(&attributes);
  if (failed) throw std::bad_alloc();
  pthread_join(thread, nullptr);
  if (call.failure) std::rethrow_exception(call.failure);
}

static bool is_deeper(DcmObject &container, unsigned levels) {
  if (!levels) return true;
  for (DcmObject *object = nullptr; (object = container.nextInContainer(object));) {
    if (object->ident() == EVR_SQ || object->ident() == EVR_item)
      if (is_deeper(*object, levels - 1)) return true;
  }
  return false;
}

void check_depth(DcmItem &data) {
  if (is_deeper(data, 2 * deepest)) unsupported("its sequences are nested more than 64 deep");
}

}  // namespace dicom
#endif
