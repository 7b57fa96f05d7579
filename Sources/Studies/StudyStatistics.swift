import Metrics
import Statistics
import Torch

/// The statistics of a study; every bootstrap uses the same resamples.
struct StudyStatistics {
  let scores: [StudyResults.Score]
  let differences: [StudyResults.Difference]
  let ranks: RankStability?
  let recovered: [StudyResults.Recovery]
  let strata: [StudyResults.Stratum]

  /// Computes everything.
  ///
  /// - Throws: `TorchError` if resampling fails.
  init(_ table: StudyTable, resamples: Int, seed: UInt64) throws {
    // Each site has its own random stream, so the intervals of a site do not depend on the other
    // sites.
    let draws = try table.sites.map { site in
      try GroupResampling(
        groups: site.groups, resamples: resamples,
        generator: Generator(seed: seed, for: "bootstrap", site.name))
    }
    let scores = try StudyScores(table, draws)
    self.scores = scores.rows
    differences = try StudyDifferences(table, draws, seed: seed).rows
    strata = try StudyStrata(table, draws).rows
    recovered = try scores.recovered(table)
    guard table.methods.count > 1 else {
      ranks = nil
      return
    }
    ranks = try RankStability(
      metric: .dice, methods: table.methods, means: scores.overall(.dice).means,
      resampled: scores.overall(.dice).resampled, shortage: table.shortage(table.sites.map(\.groups)))
  }
}

/// Every score of every method, at every site and over the sites.
struct StudyScores {
  /// The summarised scores: every metric, then every metric over the images with a lesion.
  private static let measures: [@Sendable (ImageScores) -> Double?] =
    Metric.allCases.map { metric in { @Sendable in $0[metric] } }
    + Metric.allCases.map { metric in { @Sendable in $0.referenceIsEmpty ? nil : $0[metric] } }

  /// By method, then by site; the row over sites is last.
  let rows: [StudyResults.Score]
  /// The resampled means over sites, one column for each measure of each method; R×(M·K).
  private let resampled: Tensor

  init(_ table: StudyTable, _ draws: [GroupResampling]) throws {
    let (methods, measures) = (table.methods.count, Self.measures)
    // There is one entry per site, with method and measure as one index.
    let values = table.sites.map { site in
      (0..<methods).flatMap { method in measures.map { site.values(method, $0) } }
    }
    let bySeed = table.sites.map { site in
      site.scores.flatMap { seeds in
        measures.map { measure in seeds.map { images in average(images.map(measure)) } }
      }
    }
    let sums = try zip(table.sites, values).map { try $0.sums($1) }
    let units = try sums.map { try $0.units() }
    let means = try zip(draws, sums).map { try $0.means($1) }
    let own = values.map { $0.map { average($0) } }
    let columns = own[0].indices
    let siteFigures = try table.sites.indices.map { site in
      let intervals = try Bootstrap.intervals(
        of: means[site], around: own[site], shortages: units[site].map { IndependentUnits.shortage($0) })
      return columns.map {
        StudyResults.Figure(
          ScoreStatistics(of: values[site][$0]), interval: intervals[$0], bySeed: bySeed[site][$0])
      }
    }
    resampled = try Self.overSites(means, own)
    let intervals = try Bootstrap.intervals(
      of: resampled, around: columns.map { column in average(own.map { $0[column] }) },
      shortages: columns.map { column in
        table.shortage(table.sites.indices.map { own[$0][column] == nil ? nil : units[$0][column] })
      })
    let overall = columns.map { column in
      StudyResults.Figure(
        ScoreStatistics(of: own.map { $0[column] }), interval: intervals[column],
        bySeed: table.seeds.indices.map { seed in average(bySeed.map { $0[column][seed] }) })
    }
    rows = (0..<methods).flatMap { method in
      zip(table.sites, siteFigures).map { site, figures in
        Self.row(method, table.methods[method], [site], figures, name: site.name)
      } + [Self.row(method, table.methods[method], table.sites, overall, name: nil)]
    }
  }

  /// Returns the means over sites of one metric, by method.
  ///
  /// They are over all cases, and in each resample (R×M).
  func overall(_ metric: Metric) throws -> (means: [Double], resampled: Tensor) {
    let rows = rows.filter { $0.site == nil }
    let first = Metric.allCases.firstIndex(of: metric) ?? 0
    let columns = rows.indices.map { $0 * Self.measures.count + first }
    return (
      rows.map { $0[metric]?.mean ?? .nan }, try resampled.indexed(Tensor(columns), dim: 1)
    )
  }

  /// Averages over the sites on which a column is defined.
  static func overSites(_ means: [Tensor], _ own: [[Double?]]) throws -> Tensor {
    var total = try means[0].zerosLike()
    for (means, own) in zip(means, own) {
      let isDefined = try Tensor(own.map { $0 != nil })
      total = try total + isDefined.choose(means, else: means.zerosLike())
    }
    let sites = own[0].indices.map { column in Double(own.count { $0[column] != nil }) }
    return try total / Tensor(sites)
  }

  private static func row(
    _ method: Int, _ name: String, _ sites: [StudyTable.Site], _ figures: [StudyResults.Figure],
    name site: String?
  ) -> StudyResults.Score {
    let first = method * measures.count
    func metrics(from start: Int) -> [Metric: StudyResults.Figure] {
      Dictionary(uniqueKeysWithValues: Metric.allCases.enumerated().map { ($1, figures[start + $0]) })
    }
    let images = sites.flatMap(\.images)
    return StudyResults.Score(
      method: name, site: site, count: images.count,
      countEmptyReference: images.count { $0.scores.referenceIsEmpty },
      metrics: metrics(from: first), metricsWithLesion: metrics(from: first + Metric.allCases.count),
      diceWithLesion: figures[first + Metric.allCases.count],
      iouWithLesion: figures[first + Metric.allCases.count + 1],
      familiar: average(sites.flatMap { $0.familiar[method] }))
  }
}
