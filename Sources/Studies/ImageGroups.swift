import Datasets
import Statistics

/// The images of a site, grouped by patient or sequence, for intervals of means over them.
///
/// Groups are resampled; the image counts as one if none is stated. The same seed draws the same
/// groups for every mean.
struct ImageGroups {
  /// The group of each image.
  private let names: [String]
  /// The groups, by name.
  private let order: [String]
  private let seed: UInt64

  /// Groups images.
  ///
  /// - Parameters:
  ///   - samples: the images.
  ///   - seed: the seed of the resampling.
  init(_ samples: [Sample], seed: UInt64) {
    names = samples.map(\.group)
    order = Set(names).sorted()
    self.seed = seed
  }

  /// The number of patients or sequences.
  var count: Int { order.count }

  /// Computes a mean over images with its interval.
  ///
  /// - Parameters:
  ///   - values: a value for each image.
  ///   - counts: whether the image of an index counts.
  /// - Returns: the mean; nil if no image counts.
  /// - Throws: `TorchError` if the generator fails.
  func mean(_ values: [Double], where counts: (Int) -> Bool = { _ in true }) throws -> Interval? {
    let grouped = Dictionary(grouping: names.indices.filter(counts)) { names[$0] }
    let cases = order.compactMap { grouped[$0]?.map { values[$0] } }
    return try Bootstrap.mean(ofStrata: [cases], seed: seed)
  }
}
