/// A named noise variable of the causal model: a seed and a path such as `scene/42/vessels`.
///
/// The same seed and path give the same values on every machine and in any order. Any other path
/// gives unrelated values. Everything random in an image is drawn from such a variable. So an
/// intervention on one mechanism does not change the noise of the others.
package struct Noise: Sendable, Equatable {
  let state: UInt64

  /// Makes the root of all variables of a seed.
  package init(seed: UInt64) { state = scrambled(seed) }

  private init(state: UInt64) { self.state = state }

  /// Returns the variable, or group of variables, with a name below this one.
  package subscript(_ name: String) -> Noise {
    // This is FNV-1a over the name. It starts from the state of the parent, so order and depth of
    // the path count.
    let hash = name.utf8.reduce(state ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    return Noise(state: scrambled(hash))
  }

  /// Returns the variable with a number below this one.
  package subscript(_ index: Int) -> Noise {
    Noise(state: scrambled(state ^ scrambled(UInt64(bitPattern: Int64(index)))))
  }

  /// The value of this variable, uniform from 0 up to 1.
  package var uniform: Double { Double(scrambled(state) >> 11) * 0x1p-53 }

  /// The sequence of values of this variable.
  var values: NoiseValues { NoiseValues(state: state) }
}

/// The values of one noise variable, in order.
struct NoiseValues {
  private var state: UInt64

  init(state: UInt64) { self.state = state }

  @inline(__always)
  mutating func bits() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return finalised(state)
  }

  /// Returns a value, uniform from `low` up to `high`.
  @inline(__always)
  mutating func uniform(_ low: Float = 0, _ high: Float = 1) -> Float {
    low + (high - low) * Float(bits() >> 40) * 0x1p-24
  }

  /// Returns the first value, uniform from `low` up to `high`.
  func first(_ low: Float, _ high: Float) -> Float {
    var values = self
    return values.uniform(low, high)
  }

  /// Returns true with a probability.
  mutating func isTrue(_ probability: Float) -> Bool { uniform() < probability }

  /// Returns a whole number from a range.
  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(bits() >> 33) % range.count
  }

  /// Returns a direction: a point on the unit circle.
  mutating func direction() -> SIMD2<Float> { unitVector(angle: uniform(0, 2 * .pi)) }
}

/// Returns the point on the unit circle at an angle.
func unitVector(angle: Float) -> SIMD2<Float> {
  SIMD2(cosine(angle), cosine(angle - .pi / 2))
}

/// Computes the cosine by a polynomial, with the same bits on every machine.
///
/// The error is below 4e-6 for angles of a few turns.
func cosine(_ angle: Float) -> Float {
  // This folds the angle to −1…1 quarter turns around a zero of the cosine, where the short series
  // of the sine is accurate.
  let turns = angle / (2 * .pi)
  let phase = (turns - turns.rounded(.down) - 0.5).magnitude * 4 - 1
  let t = phase * (.pi / 2)
  let t2 = t * t
  return t * (1 + t2 * (-1 / 6 + t2 * (1 / 120 + t2 * (-1 / 5040 + t2 / 362_880))))
}

@inline(__always)
func finalised(_ seed: UInt64) -> UInt64 {
  var value = (seed ^ (seed >> 30)) &* 0xbf58_476d_1ce4_e5b9
  value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
  return value ^ (value >> 31)
}

/// The finaliser of SplitMix64: similar seeds give unrelated values.
@inline(__always)
func scrambled(_ seed: UInt64) -> UInt64 { finalised(seed &+ 0x9e37_79b9_7f4a_7c15) }
