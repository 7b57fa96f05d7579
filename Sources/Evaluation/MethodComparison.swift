/// The headline of leaving sites out: Dice by site for each method, and how two methods differ.
///
/// An image's Dice is first averaged over the seeds. Intervals are percentile bootstraps over patients or sequences
/// (over images where no group is stated), at 95 %; the row over all sites is the mean of the sites' means, with groups
/// resampled within their site. They say how sure the figures are for these sites and these trained models; what other
/// seeds would give is told by the differences of each seed.
public struct MethodComparison: Codable, Equatable, Sendable {
  /// One site, or all.
  public struct Row: Codable, Equatable, Sendable {
    /// The site; nil for the mean over sites.
    public let site: String?
    /// Images.
    public let count: Int
    /// Mean Dice at the held-out site by method.
    public let dice: [String: Interval]
    /// Mean Dice of the chosen epoch on the source sites' validation split, by method.
    public let familiar: [String: Double]
    /// `candidate` minus `reference`, paired by image.
    public let difference: Interval?
    /// The same difference for each seed alone, in the order of `seeds`.
    public let differenceBySeed: [Double]

    enum CodingKeys: String, CodingKey {
      case site, dice, familiar, difference
      case count = "n"
      case differenceBySeed = "difference_by_seed"
    }
  }

  /// The method that is compared with.
  public let reference: String
  /// The method that is compared.
  public let candidate: String
  /// The seeds.
  public let seeds: [UInt64]
  /// Rows by site, then the mean over sites.
  public let rows: [Row]
  /// How the epoch was chosen.
  public let selection: String
  /// How the intervals were made.
  public let intervals: String

  /// Compares two methods over the folds of both.
  ///
  /// - Throws: `TorchError` when resampling fails, `MetricError` when a method has no fold, or the folds of a site do
  ///   not hold the same images.
  public init(_ folds: [FoldResult], reference: String, candidate: String) throws {
    for method in [reference, candidate] where !folds.contains(where: { $0.method == method }) {
      throw MetricError.noCases("the method \(method)")
    }
    let seeds = Array(Set(folds.map(\.seed))).sorted()
    var sites: [Site] = []
    for name in folds.map(\.site) where !sites.contains(where: { $0.name == name }) {
      sites.append(try Site(name, folds))
    }
    func row(_ name: String?, _ sites: [Site]) throws -> Row {
      func strata(_ value: (Site, String) -> Double?) -> [[[Double]]] {
        sites.map { site in site.groups.map { $0.compactMap { value(site, $0) } } }
      }
      func mean(_ values: [Double]) -> Double? {
        values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
      }
      func difference(_ site: Site, _ image: String, _ seeds: [UInt64]) -> Double? {
        guard let candidate = site.dice(image, candidate, seeds),
          let reference = site.dice(image, reference, seeds)
        else { return nil }
        return candidate - reference
      }
      var (dice, familiar): ([String: Interval], [String: Double]) = ([:], [:])
      for method in [reference, candidate] {
        dice[method] = try Bootstrap.mean(ofStrata: strata { $0.dice($1, method, seeds) })
        familiar[method] = mean(
          folds.filter { fold in fold.method == method && sites.contains { $0.name == fold.site } }
            .compactMap(\.validationDice))
      }
      return Row(
        site: name, count: sites.reduce(0) { $0 + $1.groups.joined().count }, dice: dice, familiar: familiar,
        difference: try Bootstrap.mean(ofStrata: strata { difference($0, $1, seeds) }),
        differenceBySeed: seeds.compactMap { seed in
          mean(
            sites.compactMap { site in
              mean(site.groups.joined().compactMap { difference(site, $0, [seed]) })
            })
        })
    }
    self.reference = reference
    self.candidate = candidate
    self.seeds = seeds
    rows = try sites.map { try row($0.name, [$0]) } + [row(nil, sites)]
    selection = "epoch of the highest mean Dice on the source sites' validation split"
    intervals =
      "95 % percentile bootstrap over patients or sequences (images where none are stated), 2,000 resamples, images "
      + "averaged over seeds; for these sites and trained models"
  }

  /// The images of one held-out site, by group, and their Dice by method and seed.
  private struct Site {
    let name: String
    let groups: [[String]]
    private var scores: [String: [UInt64: [String: Double]]] = [:]

    init(_ name: String, _ folds: [FoldResult]) throws {
      self.name = name
      let own = folds.filter { $0.site == name }
      let images = own.first?.images ?? []
      var order: [String] = []
      var members: [String: [String]] = [:]
      for image in images {
        if members[image.group] == nil { order.append(image.group) }
        members[image.group, default: []].append(image.image)
      }
      groups = order.map { members[$0] ?? [] }
      for fold in own {
        guard Set(fold.images.map(\.image)) == Set(images.map(\.image)) else {
          throw MetricError.differentImages(site: name)
        }
        scores[fold.method, default: [:]][fold.seed] = Dictionary(
          fold.images.map { ($0.image, $0.scores.dice) }, uniquingKeysWith: { first, _ in first })
      }
    }

    /// Mean Dice over the seeds that the method has; nil when it has none of them.
    func dice(_ image: String, _ method: String, _ seeds: [UInt64]) -> Double? {
      let values = seeds.compactMap { scores[method]?[$0]?[image] }
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
  }
}
