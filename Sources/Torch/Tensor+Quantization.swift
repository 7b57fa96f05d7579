import CLibTorch

extension Tensor {
  /// The code that stands for 0 in `quantizedRows`.
  static let codeOfZero = 128

  /// Each row (the last dimension) as bytes and a scale of its own, its largest magnitude / 126: value ≈ (code − 128) · scale.
  ///
  /// - Returns: codes, uint8, …×n, and scales, …×1 in the type of the values.
  /// - Throws: `TorchError.operation` for other types than float32 and bfloat16, and elsewhere than on the CPU.
  func quantizedRows() throws -> (codes: Tensor, scales: Tensor) {
    var codes: mcdrl_tensor_t?
    var scales: mcdrl_tensor_t?
    try check("quantize_rows") { mcdrl_quantize_rows(handle, &codes, &scales, $0) }
    guard let codes, let scales else { throw TorchError.value("libtorch returned no tensor") }
    return (Tensor(owning: codes), Tensor(owning: scales))
  }
}
