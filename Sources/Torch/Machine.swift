import CLibTorch

/// What libtorch knows about itself and this machine.
public enum Machine {
  /// The version of libtorch that was linked, such as `2.13.0`.
  public static var libtorchVersion: String { String(cString: mcdrl_version()) }

  /// The vector instructions libtorch uses here, such as `AVX512`.
  public static var cpuCapability: String { String(cString: mcdrl_cpu_capability()) }

  /// What the processor can do, by libtorch's names, such as `avx512_bf16`, `amx_int8`, `arm_bf16`; empty where it cannot
  /// tell.
  public static let processorFeatures: Set<String> = {
    var text: UnsafeMutablePointer<CChar>?
    guard (try? check("cpu_features") { mcdrl_cpu_features(&text, $0) }) != nil, let text else { return [] }
    defer { mcdrl_string_free(text) }
    return Set(String(cString: text).split(separator: " ").map(String.init))
  }()

  /// Whether libtorch was built with oneDNN, which weights are laid out for.
  public static let hasOneDNN: Bool = {
    let build = (try? buildDescription()) ?? ""
    return ["USE_MKLDNN=1", "USE_MKLDNN=ON"].contains(where: build.contains)
  }()

  /// Whether products of 8-bit whole numbers are exact and quick here: older instructions saturate at 16 bits.
  ///
  /// Not on ARM, where they have not been run.
  public static var hasInt8: Bool {
    hasOneDNN && !processorFeatures.isDisjoint(with: ["avx512_vnni", "avx_vnni", "amx_int8"])
  }

  /// Whether int8 is quicker here than every other arithmetic; with AMX bfloat16 is about as quick.
  public static var int8IsQuickest: Bool { hasInt8 && !processorFeatures.contains("amx_bf16") }

  /// Whether products of bfloat16 are quicker than those of float32 here.
  public static var hasBFloat16: Bool {
    !processorFeatures.isDisjoint(with: ["avx512_bf16", "amx_bf16", "arm_bf16", "bf16"])
  }

  /// Whether attention by this package's kernel is quicker here than libtorch's.
  ///
  /// libtorch's asks MKL for the products, which on processors without AMX may turn bfloat16 into float32 first, and which
  /// on some is slow in float32, too. With AMX the kernel, which does without, has not been measured.
  static let ownAttentionIsQuicker =
    hasAttentionKernel && !processorFeatures.contains("amx_bf16") && mcdrl_kernels_use_all_threads()

  /// Whether the processor has what this package's kernel of attention needs.
  static let hasAttentionKernel = mcdrl_has_attention_kernel()

  /// Whether libtorch can use an Nvidia graphics processor.
  public static var hasCUDA: Bool { mcdrl_has_cuda() }

  /// Whether libtorch can use Apple's graphics processor.
  public static var hasMPS: Bool { mcdrl_has_mps() }

  /// Threads a single operator may use, on the calling thread.
  public static var threads: Int { Int(mcdrl_threads()) }

  /// Sets how many threads a single operator may use.
  ///
  /// - Throws: `TorchError.operation` unless `count` is at least 1.
  public static func setThreads(_ count: Int) throws {
    try check("set_num_threads") { mcdrl_set_threads(Int32(clamping: count), $0) }
  }

  /// Keeps memory that tensors leave for the next ones, up to 256 MiB for each two cores, in place of giving it back to the system.
  ///
  /// Activations are some MB each, and every pass asks for them anew: without this the system clears each page of them
  /// again. Call it once, when a program starts; it does nothing where there is no GNU C library.
  public static func keepFreedMemory() { mcdrl_keep_freed_memory() }

  /// How libtorch was built: compiler, libraries, options; several lines.
  public static func buildDescription() throws -> String {
    var text: UnsafeMutablePointer<CChar>?
    try check("show_config") { mcdrl_build_description(&text, $0) }
    defer { mcdrl_string_free(text) }
    return text.map { String(cString: $0) } ?? ""
  }
}

/// Runs one call through the door and throws its message when it failed.
func check(
  _ name: @autoclosure () -> String,
  _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32
) throws {
  var message: UnsafeMutablePointer<CChar>?
  guard call(&message) != 0 else { return }
  defer { mcdrl_string_free(message) }
  throw TorchError.operation(name(), message: message.map { String(cString: $0) } ?? "out of memory")
}
