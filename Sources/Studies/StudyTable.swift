import Metrics
import Statistics
import Training

/// The sorted results of a study: the images of every site, and their scores by method and seed.
struct StudyTable {
  /// One held-out site.
  struct Site {
    let name: String
    /// Its images, in the order of the first fold.
    let images: [FoldResult.Image]
    /// The group of each image, numbered from 0 in the order of appearance.
    let labels: [Int]
    /// The number of groups.
    let groups: Int
    /// The scores by method, seed and image.
    let scores: [[[ImageScores]]]
    /// The mean Dice on the validation split of the source sites, by method and seed.
    let familiar: [[Double?]]
  }

  let methods: [String]
  let seeds: [UInt64]
  let sites: [Site]
  /// The folds by site, method and seed.
  let folds: [FoldResult]
  /// The tolerance of all surface distances.
  let tolerance: Double

  /// Sorts folds.
  ///
  /// - Parameters:
  ///   - folds: in any order.
  ///   - methods: all of them, in the order of the table.
  /// - Throws: `MetricError` if there are none, or they do not form a study.
  init(_ folds: [FoldResult], methods: [String]) throws {
    guard !methods.isEmpty, let first = folds.first?.images.first else {
      throw MetricError.noCases("a study")
    }
    if let stranger = folds.first(where: { !methods.contains($0.method) }) {
      throw MetricError.unlistedMethod(stranger.method, listed: methods)
    }
    let seeds = Array(Set(folds.map(\.seed))).sorted()
    var names: [String] = []
    for fold in folds where !names.contains(fold.site) { names.append(fold.site) }
    let found = Dictionary(grouping: folds) { Key(site: $0.site, method: $0.method, seed: $0.seed) }
    let ordered = try names.map { site in
      try methods.map { method in
        try seeds.map { seed in
          let own = found[Key(site: site, method: method, seed: seed)] ?? []
          guard own.count == 1 else {
            throw MetricError.notOneFold(site: site, method: method, seed: seed, found: own.count)
          }
          return own[0]
        }
      }
    }
    let tolerances = folds.lazy.flatMap { $0.images.lazy.map(\.scores.tolerance) }
    if let other = tolerances.first(where: { $0 != first.scores.tolerance }) {
      throw MetricError.mixedTolerances(first.scores.tolerance, other)
    }
    self.methods = methods
    self.seeds = seeds
    self.folds = Array(ordered.joined().joined())
    sites = try zip(names, ordered).map(Site.init)
    tolerance = first.scores.tolerance
  }

  /// Explains why a mean over sites has no interval; nil if every site has enough units.
  ///
  /// A site with too few would be drawn as if it never varied.
  ///
  /// - Parameter units: the number of independent units of each site; nil where a score is
  ///   undefined.
  /// - Returns: a clause without its full stop.
  func shortage(_ units: [Int?]) -> String? {
    zip(sites, units).lazy.compactMap { site, count in
      count.flatMap { IndependentUnits.shortage($0, at: site.name) }
    }.first
  }

  private struct Key: Hashable {
    let site: String
    let method: String
    let seed: UInt64
  }
}

extension StudyTable.Site {
  /// Combines the folds of one site, given by method and seed.
  fileprivate init(_ name: String, _ folds: [[FoldResult]]) throws {
    self.name = name
    images = folds[0][0].images
    var numbers: [String: Int] = [:]
    labels = images.map { image in
      let number = numbers[image.group] ?? numbers.count
      numbers[image.group] = number
      return number
    }
    groups = numbers.count
    let places = Dictionary(
      images.enumerated().map { (Place($1), $0) }, uniquingKeysWith: { first, _ in first })
    guard !images.isEmpty else { throw MetricError.noCases("the site \(name)") }
    let first = images
    scores = try folds.map { try $0.map { try Self.aligned($0.images, first, places, site: name) } }
    familiar = folds.map { $0.map(\.validationDice) }
  }

  /// What distinguishes the scored images of a site: with several classes, an image counts for each.
  private struct Place: Hashable {
    let image: String
    let lesionClass: String?

    init(_ image: FoldResult.Image) { (self.image, lesionClass) = (image.image, image.lesionClass) }
  }

  /// Returns the scores of a fold in the order of the first fold.
  private static func aligned(
    _ images: [FoldResult.Image], _ first: [FoldResult.Image], _ places: [Place: Int], site: String
  ) throws -> [ImageScores] {
    var scores = [ImageScores?](repeating: nil, count: places.count)
    for image in images {
      guard let place = places[Place(image)], image.isSame(as: first[place]) else {
        throw MetricError.differentImages(site: site)
      }
      scores[place] = image.scores
    }
    let found = scores.compactMap { $0 }
    guard found.count == places.count, images.count == places.count else {
      throw MetricError.differentImages(site: site)
    }
    return found
  }

  /// Returns one score of every image: the mean over the seeds on which it is defined.
  func values(_ method: Int, _ measure: (ImageScores) -> Double?) -> [Double?] {
    images.indices.map { image in average(scores[method].map { measure($0[image]) }) }
  }

  /// Adds up columns over the images, by group.
  func sums(_ columns: [[Double?]]) throws -> GroupSums {
    try GroupSums(columns, of: labels, groups: groups)
  }
}

extension FoldResult.Image {
  /// Returns whether two folds scored the same image against the same reference.
  func isSame(as other: FoldResult.Image) -> Bool {
    group == other.group && lesionClass == other.lesionClass
      && scores.referenceShare == other.scores.referenceShare && scores.spacing == other.scores.spacing
  }
}

extension StudyResults.Site {
  init(_ site: StudyTable.Site) {
    name = site.name
    count = site.images.count
    groups = site.groups
    countEmptyReference = site.images.count { $0.scores.referenceIsEmpty }
    classes = site.images.compactMap(\.lesionClass).reduce(into: [:]) { $0[$1, default: 0] += 1 }
  }
}

/// Averages the values that are defined; nil if there are none.
func average(_ values: some Sequence<Double?>) -> Double? {
  var (sum, count) = (0.0, 0.0)
  for value in values {
    guard let value else { continue }
    sum += value
    count += 1
  }
  return count > 0 ? sum / count : nil
}
