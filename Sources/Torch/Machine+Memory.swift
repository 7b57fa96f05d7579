#if canImport(Glibc)
  import Glibc
#endif

extension Machine {
  /// Keeps memory that tensors leave for the next ones, up to 256 MiB, in place of giving each back to the system.
  ///
  /// Activations are some MB each, and every pass asks for them anew: without this the system clears each page of them
  /// again. Call it once, when a program starts; it does nothing where there is no GNU C library.
  public static func keepFreedMemory() {
    #if canImport(Glibc)
      mallopt(M_MMAP_THRESHOLD, 32 << 20)
      mallopt(M_TRIM_THRESHOLD, 256 << 20)
    #endif
  }
}
