import CLibTorch

extension Tensor {
  /// The code of 0 in `quantizedRows`.
  static let codeOfZero = 128

  /// Quantizes each row (the last dimension) to bytes with its own scale.
  ///
  /// The scale is the row's largest magnitude / 126: value ≈ (code − 128) · scale.
  ///
  /// - Returns: codes, uint8, …×n, and scales, …×1 in the type of the values.
  /// - Throws: `TorchError.operation` for types other than float32 and bfloat16, and for devices
  ///   other than the CPU.
  func quantizedRows() throws -> (codes: Tensor, scales: Tensor) {
    var codes: mcdrl_tensor_t?
    var scales: mcdrl_tensor_t?
    try check("quantize_rows") { mcdrl_quantize_rows(handle, &codes, &scales, $0) }
    guard let codes, let scales else { throw TorchError.value("libtorch returned no tensor") }
    return (Tensor(owning: codes), Tensor(owning: scales))
  }
}
