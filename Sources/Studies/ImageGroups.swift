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
    try Bootstrap.mean(ofStrata: [cases(values, where: counts)], seed: seed)
  }

  /// Computes the mean over sites of their means over images, with its interval.
  ///
  /// - Parameter sites: the images of each site, with a value for each of them.
  /// - Returns: the mean; nil without an image.
  /// - Throws: `TorchError` if the generator fails.
  static func mean(over sites: [(images: ImageGroups, values: [Double])]) throws -> Interval? {
    try Bootstrap.mean(
      ofStrata: sites.map { $0.images.cases($0.values) }, seed: sites.first?.images.seed ?? 0)
  }

  /// Returns the values by group.
  private func cases(_ values: [Double], where counts: (Int) -> Bool = { _ in true }) -> [[Double]] {
    let grouped = Dictionary(grouping: names.indices.filter(counts)) { names[$0] }
    return order.compactMap { grouped[$0]?.map { values[$0] } }
  }
}
