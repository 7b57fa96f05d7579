extension Tensor {
  /// Amplitude and phase of the two-dimensional Fourier transform of …×H×W real numbers.
  ///
  /// Of columns only the first W/2 + 1 are held: the others of real numbers mirror them.
  ///
  /// - Returns: amplitude and phase in radians, each …×H×(W/2 + 1), row r of frequency r or r − H.
  /// - Throws: `TorchError.operation` with libtorch's message.
  public func spectrum() throws -> (amplitude: Tensor, phase: Tensor) {
    let transformed = try Operators.rfft2(self)
    return (try Operators.abs(transformed), try Operators.angle(transformed))
  }

  /// The real numbers of a spectrum, the inverse of `spectrum()`.
  ///
  /// - Parameters:
  ///   - amplitude: …×H×(W/2 + 1).
  ///   - phase: in radians, of the same shape.
  ///   - height: H.
  ///   - width: W, which the spectrum leaves open by one.
  /// - Returns: …×H×W.
  /// - Throws: `TorchError.operation` when shapes do not fit.
  public static func from(amplitude: Tensor, phase: Tensor, height: Int, width: Int) throws -> Tensor {
    try Operators.irfft2(Operators.polar(amplitude, phase), [height, width])
  }
}
