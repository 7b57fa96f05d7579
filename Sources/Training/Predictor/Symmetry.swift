import Torch

/// A symmetry of the square: flips and quarter turns.
struct Symmetry: Equatable, Sendable {
  /// Whether rows and columns are exchanged first.
  let transposes: Bool
  /// The dimensions of B×C×S×S that are reversed then: 2 for rows, 3 for columns.
  let flips: [Int]

  /// The image itself.
  static let identity = Symmetry(transposes: false, flips: [])
  /// The image and its three flips.
  static let flips = [[], [3], [2], [2, 3]].map { Symmetry(transposes: false, flips: $0) }
  /// The four quarter turns, the first by nothing.
  static let turns = [
    identity, Symmetry(transposes: true, flips: [2]), Symmetry(transposes: false, flips: [2, 3]),
    Symmetry(transposes: true, flips: [3]),
  ]
  /// All eight symmetries: the four flips of the image and of the turned image.
  static let all = flips + flips.map { Symmetry(transposes: true, flips: $0.flips) }

  /// Moves images or maps, B×C×S×S.
  func moved(_ images: Tensor) throws -> Tensor {
    let turned = transposes ? try images.transposed(2, 3) : images
    return flips.isEmpty ? turned : try turned.flipped(flips)
  }

  /// Moves the result for a moved image back, B×C×S×S.
  func restored(_ images: Tensor) throws -> Tensor {
    let unflipped = flips.isEmpty ? images : try images.flipped(flips)
    return transposes ? try unflipped.transposed(2, 3) : unflipped
  }
}
