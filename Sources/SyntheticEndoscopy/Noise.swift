/// A named noise variable of the causal model: a seed and a path such as `scene/42/vessels`.
///
/// The same seed and path give the same values on every machine and in any order; any other path gives unrelated
/// ones. Everything random in a picture is drawn from one of these, so that an intervention on one mechanism leaves
/// every other one's noise as it was.
package struct Noise: Sendable, Equatable {
  let state: UInt64

  /// Makes the root of all variables of a seed.
  package init(seed: UInt64) { state = scrambled(seed) }

  private init(state: UInt64) { self.state = state }

  /// The variable, or group of variables, of a name below this one.
  package subscript(_ name: String) -> Noise {
    // FNV-1a over the name, begun from the parent's state, so that order and depth of the path count.
    let hash = name.utf8.reduce(state ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    return Noise(state: scrambled(hash))
  }

  /// The variable of a number below this one.
  package subscript(_ index: Int) -> Noise {
    Noise(state: scrambled(state ^ scrambled(UInt64(bitPattern: Int64(index)))))
  }

  /// This variable's value, uniform from 0 up to 1.
  package var uniform: Double { Double(scrambled(state) >> 11) * 0x1p-53 }

  /// The values of this variable when it has many, one after the other.
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

  /// Uniform from `low` up to `high`.
  @inline(__always)
  mutating func uniform(_ low: Float = 0, _ high: Float = 1) -> Float {
    low + (high - low) * Float(bits() >> 40) * 0x1p-24
  }

  /// The first value, uniform from `low` up to `high`.
  func first(_ low: Float, _ high: Float) -> Float {
    var values = self
    return values.uniform(low, high)
  }

  /// True with a probability.
  mutating func isTrue(_ probability: Float) -> Bool { uniform() < probability }

  /// A whole number from a range.
  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(bits() >> 33) % range.count
  }

  /// A direction: a point on the unit circle.
  mutating func direction() -> SIMD2<Float> { unitVector(angle: uniform(0, 2 * .pi)) }
}

/// The point on the unit circle at an angle.
func unitVector(angle: Float) -> SIMD2<Float> {
  SIMD2(cosine(angle), cosine(angle - .pi / 2))
}

/// The cosine, by polynomial: the same bits wherever it runs.
///
/// The error is below 4e-6 for angles of a few turns.
func cosine(_ angle: Float) -> Float {
  // Fold to −1…1 quarter turns about a zero of the cosine, where the sine's short series holds.
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

/// The finaliser of SplitMix64: near seeds give unrelated values.
@inline(__always)
func scrambled(_ seed: UInt64) -> UInt64 { finalised(seed &+ 0x9e37_79b9_7f4a_7c15) }
