import CLibTorch

/// Properties of libtorch and of this machine.
public enum Machine {
  /// The version of the linked libtorch, such as `2.13.0`.
  public static var libtorchVersion: String { String(cString: mcdrl_version()) }

  /// The vector instructions libtorch uses here, such as `AVX512`.
  public static var cpuCapability: String { String(cString: mcdrl_cpu_capability()) }

  /// The processor's features by libtorch's names; empty if libtorch cannot tell.
  ///
  /// Examples: `avx512_bf16`, `amx_int8`, `arm_bf16`. Where `ATEN_CPU_CAPABILITY` takes wide instructions
  /// from libtorch, they are left out here, too.
  public static let processorFeatures: Set<String> = {
    var text: UnsafeMutablePointer<CChar>?
    guard (try? check("cpu_features") { mcdrl_cpu_features(&text, $0) }) != nil, let text else { return [] }
    defer { mcdrl_string_free(text) }
    let names = Set(String(cString: text).split(separator: " ").map(String.init))
    let isWide = cpuCapability.hasPrefix("AVX512")
    return names.filter { isWide || !$0.hasPrefix("avx512") && !$0.hasPrefix("amx") }
  }()

  /// The version of the oneDNN beside libtorch's, which `scripts/bootstrap` fetches; nil without it.
  ///
  /// It computes compiled convolutions. Without it libtorch computes them, more slowly.
  public static let oneDNNVersion = mcdrl_onednn_version().map { String(cString: $0) }

  /// Whether compiled convolutions have a oneDNN beside libtorch's.
  static var hasPreparedConvolutions: Bool { oneDNNVersion != nil }

  /// Whether libtorch was built with oneDNN, for which weights are packed.
  public static let hasOneDNN: Bool = {
    let build = (try? buildDescription()) ?? ""
    return ["USE_MKLDNN=1", "USE_MKLDNN=ON"].contains(where: build.contains)
  }()

  /// Whether products of 8-bit integers are exact and fast here.
  ///
  /// Older instructions saturate at 16 bits. False on ARM, where these products have not been run.
  public static var hasInt8: Bool {
    hasOneDNN && !processorFeatures.isDisjoint(with: ["avx512_vnni", "avx_vnni", "amx_int8"])
  }

  /// Whether products of bfloat16 are faster here than those of float32.
  public static var hasBFloat16: Bool {
    !processorFeatures.isDisjoint(with: ["avx512_bf16", "amx_bf16", "arm_bf16", "bf16"])
  }

  /// Chooses between this package's attention and libtorch's.
  ///
  /// libtorch computes the products with MKL. On processors without AMX, MKL may convert bfloat16
  /// to float32 first; on some, it is slow in float32, too. With AMX, libtorch's products use tiles
  /// in bfloat16, and MKL's are not slow in float32. So there only the kernel with tiles takes its
  /// place. Its speed was not measured.
  ///
  /// - Parameters:
  ///   - type: float32 or bfloat16.
  ///   - width: the width of a head.
  /// - Returns: whether this package's is taken on this processor.
  static func takesOwnAttention(_ type: DType, width: Int) -> Bool {
    guard hasAttentionKernel, mcdrl_kernels_use_all_threads() else { return false }
    return !attentionHasTiles || type == .bfloat16 && width % 32 == 0
  }

  /// Whether this package's attention in bfloat16 uses the tiles of AMX.
  ///
  /// The processor must have them, and the system must keep them for this process.
  package static let attentionHasTiles = mcdrl_has_tile_attention_kernel()

  /// Whether the processor has the instructions that this package's attention kernel needs.
  static let hasAttentionKernel = mcdrl_has_attention_kernel()

  /// Whether libtorch can use an Nvidia graphics processor.
  public static var hasCUDA: Bool { mcdrl_has_cuda() }

  /// Whether libtorch can use Apple's graphics processor.
  public static var hasMPS: Bool { mcdrl_has_mps() }

  /// The number of threads for a single operator on the calling thread.
  public static var threads: Int { Int(mcdrl_threads()) }

  /// Sets the number of threads for a single operator.
  ///
  /// - Parameter count: the number of threads.
  /// - Throws: `TorchError.operation` unless `count` is at least 1.
  public static func setThreads(_ count: Int) throws {
    try check("set_num_threads") { mcdrl_set_threads(Int32(clamping: count), $0) }
  }

  /// Lets waiting threads of libtorch sleep while other programs use the processors.
  ///
  /// Otherwise they spin, and on a busy machine a pass takes many times its fair share of time. The
  /// call starts one thread that watches. It changes no result. It does nothing with one thread for
  /// an operator, without GNU's OpenMP, or if `GOMP_SPINCOUNT` or `OMP_WAIT_POLICY` is set. Call it
  /// once at the start of a program, after `setThreads`.
  public static func shareProcessors() { mcdrl_share_processors() }

  /// Keeps up to 256 MiB of freed tensor memory for each two cores, for the next tensors.
  ///
  /// Activations take some MB each, and every pass allocates them again. Without this call the
  /// system clears each of their pages again. Call it once at the start of a program. It does
  /// nothing without the GNU C library.
  public static func keepFreedMemory() { mcdrl_keep_freed_memory() }

  /// Returns how libtorch was built: compiler, libraries, options; several lines.
  public static func buildDescription() throws -> String {
    var text: UnsafeMutablePointer<CChar>?
    try check("show_config") { mcdrl_build_description(&text, $0) }
    defer { mcdrl_string_free(text) }
    return text.map { String(cString: $0) } ?? ""
  }
}

/// Checks the result of one call of the C interface and throws its message if the call failed.
func check(
  _ name: @autoclosure () -> String,
  _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
) throws {
  var message: UnsafeMutablePointer<CChar>?
  guard call(&message) != 0 else { return }
  defer { mcdrl_string_free(message) }
  throw TorchError.operation(name(), message: message.map { String(cString: $0) } ?? "out of memory")
}
