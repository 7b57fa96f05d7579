// Tells a program where libtorch is when it starts. pkg-config may not pass the linker's -rpath through SwiftPM; the
// Swift driver takes linker options from this section of any object that it links.
#if defined(__ELF__) && __has_include(<libtorch_rpath.h>)
#include <libtorch_rpath.h>
// The linker drops the section, so AddressSanitizer must not refer to it.
__attribute__((used, no_sanitize("address"), section(".swift1_autolink_entries"))) static const char options[] =
    "-Xlinker\0" LIBTORCH_RPATH;
#endif
