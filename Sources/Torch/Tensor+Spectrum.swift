extension Tensor {
  /// Computes amplitude and phase of the two-dimensional Fourier transform of …×H×W real numbers.
  ///
  /// Only the first W/2 + 1 columns are stored: for real numbers the others mirror them.
  ///
  /// - Returns: amplitude and phase in radians, each …×H×(W/2 + 1); row r has frequency r or r − H.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func spectrum() throws -> (amplitude: Tensor, phase: Tensor) {
    let transformed = try Operators.rfft2(self)
    return (try Operators.abs(transformed), try Operators.angle(transformed))
  }

  /// Computes the real numbers of a spectrum, the inverse of `spectrum()`.
  ///
  /// - Parameters:
  ///   - amplitude: …×H×(W/2 + 1).
  ///   - phase: the phase in radians, of the same shape.
  ///   - height: H.
  ///   - width: W; the spectrum alone leaves two possible values.
  /// - Returns: …×H×W.
  /// - Throws: `TorchError.operation` if the shapes do not fit.
  public static func from(amplitude: Tensor, phase: Tensor, height: Int, width: Int) throws -> Tensor {
    try Operators.irfft2(Operators.polar(amplitude, phase), [height, width])
  }
}
