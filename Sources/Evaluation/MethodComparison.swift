/// The headline of leaving sites out: Dice by site for each method, and how two methods differ.
///
/// An image's Dice is first averaged over the seeds. Intervals are percentile bootstraps over images, at 95 %; the row
/// over all sites is the mean of the sites' means, with images resampled within their site.
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
  /// - Throws: `TorchError` when resampling fails, `MetricError.noCases` when a method has no fold.
  public init(_ folds: [FoldResult], reference: String, candidate: String) throws {
    let methods = [reference, candidate]
    for method in methods where !folds.contains(where: { $0.method == method }) {
      throw MetricError.noCases("the method \(method)")
    }
    var sites: [String] = []
    for fold in folds where !sites.contains(fold.site) { sites.append(fold.site) }

    /// Dice of each image, mean over seeds, in the order of the images.
    func perImage(_ site: String, _ method: String) -> [Double] {
      let runs = folds.filter { $0.site == site && $0.method == method }
      guard let first = runs.first else { return [] }
      return first.images.indices.map { index in
        runs.reduce(0) { $0 + $1.images[index].scores.dice } / Double(runs.count)
      }
    }
    func familiar(_ sites: [String], _ method: String) -> Double? {
      let values = folds.filter { sites.contains($0.site) && $0.method == method }
        .compactMap(\.validationDice)
      return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    func row(_ name: String?, _ sites: [String]) throws -> Row {
      let cases = Dictionary(
        uniqueKeysWithValues: methods.map { method in (method, sites.map { perImage($0, method) }) })
      let pairs = zip(cases[candidate] ?? [], cases[reference] ?? [])
      return Row(
        site: name, count: (cases[reference] ?? []).reduce(0) { $0 + $1.count },
        dice: try Dictionary(
          uniqueKeysWithValues: methods.compactMap { method in
            try Bootstrap.mean(ofStrata: cases[method] ?? []).map { (method, $0) }
          }),
        familiar: Dictionary(
          uniqueKeysWithValues: methods.compactMap { method in
            familiar(sites, method).map { (method, $0) }
          }),
        difference: try Bootstrap.mean(
          ofStrata: pairs.map { candidate, reference in zip(candidate, reference).map { $0 - $1 } }))
    }
    self.reference = reference
    self.candidate = candidate
    seeds = Array(Set(folds.map(\.seed))).sorted()
    rows = try sites.map { try row($0, [$0]) } + [row(nil, sites)]
    selection = "epoch of the highest mean Dice on the source sites' validation split"
    intervals = "95 % percentile bootstrap over images, 2,000 resamples, images averaged over seeds"
  }
}
