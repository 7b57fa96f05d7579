import CLibTorch

/// A seeded random number generator on the CPU, whose state can be saved and restored.
public final class Generator: @unchecked Sendable {
  let handle: mcdrl_generator_t

  /// Makes a generator from a seed.
  ///
  /// - Parameter seed: the seed.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public init(seed: UInt64) throws {
    var out: mcdrl_generator_t?
    try check("generator") { mcdrl_generator_new(seed, &out, $0) }
    guard let out else { throw TorchError.value("libtorch returned no generator") }
    handle = out
  }

  /// Makes a generator with a stream of its own from a seed and names.
  ///
  /// The same seed and names give the same stream. Any other name gives an independent one.
  ///
  /// - Parameters:
  ///   - seed: the seed.
  ///   - path: the names, such as the purpose and a step.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public convenience init(seed: UInt64, for path: String...) throws {
    try self.init(seed: path.reduce(mixed(seed)) { mixed($0 ^ fnv1a($1)) })
  }

  deinit { mcdrl_generator_free(handle) }

  /// Returns the whole state, a uint8 tensor of one dimension.
  public func state() throws -> Tensor {
    var out: mcdrl_tensor_t?
    try check("get_state") { mcdrl_generator_state(handle, &out, $0) }
    guard let out else { throw TorchError.value("libtorch returned no state") }
    return Tensor(owning: out)
  }

  /// Restores a saved state.
  ///
  /// - Parameter state: the result of `state()`.
  /// - Throws: `TorchError.operation` if the tensor is not such a state.
  public func setState(_ state: Tensor) throws {
    try check("set_state") { mcdrl_generator_set_state(handle, state.handle, $0) }
  }
}

/// Returns the 64-bit FNV-1a hash of a text: stable between runs and machines, unlike `Hasher`.
func fnv1a(_ text: String) -> UInt64 {
  text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
}

/// Applies the finaliser of SplitMix64, so that near seeds give unrelated streams.
func mixed(_ seed: UInt64) -> UInt64 {
  var value = seed &+ 0x9e37_79b9_7f4a_7c15
  value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
  value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
  return value ^ (value >> 31)
}
