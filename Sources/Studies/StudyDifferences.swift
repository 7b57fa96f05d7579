import Metrics
import Statistics
import Torch

/// Paired differences between methods, at every site and over the sites.
///
/// Two intervals answer two questions.
///
/// *For these trained models*: groups (patients or sequences) are resampled within their site; the
/// seeds stay.
///
/// *For new seeds*: groups and seeds are resampled independently of each other, as in the
/// pigeonhole bootstrap for crossed random effects (Owen, "The pigeonhole bootstrap", Annals of
/// Applied Statistics 1, 2007). Every seed meets every image, so a draw of seeds holds for all
/// images. It also holds for all sites, because a seed is drawn once per study. Models of one seed
/// share their first weights and the order of their images. So the effect of a seed at one site may
/// correlate with its effect at another. A single draw is correct with or without this correlation.
///
/// A resample takes S − 1 of S seeds, which makes the variance between seeds unbiased (Rao & Wu,
/// "Resampling inference with complex survey data", JASA 83, 1988). S would halve it for two seeds.
/// Interactions of seeds with groups count more than once. So the second interval is rather too
/// wide than too narrow.
///
/// Either interval needs `IndependentUnits.least` groups at each site; the second needs as many
/// seeds, too. Without them there is the value alone. A test needs as many groups.
struct StudyDifferences {
  /// The compared scores; both are defined on every image.
  private static let measures: [(metric: Metric, value: @Sendable (ImageScores) -> Double)] = [
    (.dice, { $0.dice }), (.iou, { $0.iou }),
  ]

  /// By metric, then pair, then site; the row over sites is last.
  let rows: [StudyResults.Difference]

  init(_ table: StudyTable, _ draws: [GroupResampling], seed: UInt64) throws {
    let pairs = Self.pairs(table.methods.count)
    guard !pairs.isEmpty else {
      rows = []
      return
    }
    let seeds = table.seeds.count
    // There is one entry per site, with a column for each metric, pair and seed; the last varies
    // fastest. Differences are computed before any sum, so that equal methods differ by exactly
    // zero.
    let columns = table.sites.map { site in
      Self.measures.flatMap { measure in
        pairs.flatMap { pair in
          (0..<seeds).map { seed in
            zip(site.scores[pair.candidate][seed], site.scores[pair.reference][seed]).map {
              measure.value($0) - measure.value($1)
            }
          }
        }
      }
    }
    var resampled = try zip(zip(table.sites, draws), columns).map { try $0.1.means($0.0.sums($1)) }
    resampled.append(try Tensor.stacked(resampled).mean([0]))
    var bySeed = columns.map { $0.map { $0.reduce(0, +) / Double($0.count) } }
    bySeed.append(
      bySeed[0].indices.map { column in average(bySeed.map { $0[column] }) ?? 0 })
    let lines = Self.measures.count * pairs.count
    let own = bySeed.map { values in
      (0..<lines).map { line in Array(values[line * seeds..<(line + 1) * seeds]) }
    }
    let averages = own.map { $0.map { average($0) } }
    let resamples = try resampled[0].size(0)
    let cubes = try resampled.map { try $0.reshaped([resamples, lines, seeds]) }
    let shortages =
      table.sites.map { IndependentUnits.shortage($0.groups) } + [table.shortage(table.sites.map(\.groups))]
    let intervals = try cubes.indices.map { place in
      try Bootstrap.intervals(
        of: cubes[place].mean([2]), around: averages[place],
        shortages: averages[place].map { _ in shortages[place] })
    }
    let overSeeds = try Self.overSeeds(cubes, around: averages, shortages, seed: seed)

    // These are the paired groups of each site, averaged over seeds, then of all sites.
    var groups = zip(table.sites, columns).map { site, columns -> [[Double]] in
      (0..<lines).map { Self.byGroup(site, columns[$0 * seeds..<($0 + 1) * seeds]) }
    }
    groups.append((0..<lines).map { line -> [Double] in groups.flatMap { $0[line] } })
    let counts = table.sites.map(\.images.count)
    let places = table.sites.map { Optional($0.name) } + [nil]

    rows = Self.measures.indices.flatMap { measure in
      let family = pairs.indices.flatMap { pair in
        places.indices.map { (line: measure * pairs.count + pair, place: $0) }
      }
      let tests = Self.corrected(family.map { Self.test(groups[$0.place][$0.line]) })
      return zip(family, tests).compactMap { item, test -> StudyResults.Difference? in
        guard let interval = intervals[item.place][item.line] else { return nil }
        let pair = pairs[item.line % pairs.count]
        return StudyResults.Difference(
          metric: Self.measures[measure].metric, candidate: table.methods[pair.candidate],
          reference: table.methods[pair.reference], site: places[item.place],
          count: item.place < counts.count ? counts[item.place] : counts.reduce(0, +), interval: interval,
          overSeeds: overSeeds?[item.place][item.line], bySeed: own[item.place][item.line],
          pairs: groups[item.place][item.line], test: test)
      }
    }
  }

  /// Returns every pair of up to six methods; with more methods, each against the first.
  static func pairs(_ methods: Int) -> [(candidate: Int, reference: Int)] {
    (0..<methods).flatMap { reference in
      (reference + 1..<max(methods, reference + 1)).map { (candidate: $0, reference: reference) }
    }.filter { methods <= 6 || $0.reference == 0 }
  }

  /// Computes the intervals for new seeds, by place and line; nil with one seed.
  ///
  /// `cubes` holds R × lines × seeds for each place.
  private static func overSeeds(
    _ cubes: [Tensor], around averages: [[Double?]], _ shortages: [String?], seed: UInt64
  ) throws -> [[Interval?]]? {
    let shape = try cubes[0].sizes(rank: 3, "resampled differences")
    guard shape[2] > 1 else { return nil }
    let draws = try GroupResampling(
      groups: shape[2], draws: shape[2] - 1, resamples: shape[0],
      generator: Generator(seed: seed, for: "bootstrap of seeds"))
    let weights = try (draws.counts / Double(shape[2] - 1)).expandedDimension(1)
    let few = IndependentUnits.shortage(shape[2], of: ("seed", "seeds"))
    return try cubes.indices.map { place in
      try Bootstrap.intervals(
        of: (cubes[place] * weights).sum([2]), around: averages[place],
        shortages: averages[place].map { _ in few ?? shortages[place] })
    }
  }

  /// Tests paired groups; nil if they are too few, or none differs.
  static func test(_ groups: [Double]) -> WilcoxonSignedRank? {
    groups.count < IndependentUnits.least ? nil : WilcoxonSignedRank(groups)
  }

  /// Computes the mean difference of each group, averaged over the seeds.
  private static func byGroup(_ site: StudyTable.Site, _ seeds: ArraySlice<[Double]>) -> [Double] {
    var (sums, counts) = (
      [Double](repeating: 0, count: site.groups), [Double](repeating: 0, count: site.groups)
    )
    for (image, label) in site.labels.enumerated() {
      sums[label] += seeds.reduce(0) { $0 + $1[image] } / Double(seeds.count)
      counts[label] += 1
    }
    return zip(sums, counts).map { $0 / $1 }
  }

  /// Returns tests with Holm's correction over all of them.
  static func corrected(_ tests: [WilcoxonSignedRank?]) -> [StudyResults.Difference.Test?] {
    var corrected = Holm.corrected(tests.compactMap { $0?.p })[...]
    return tests.map { test in
      guard let test, let holm = corrected.popFirst() else { return nil }
      return StudyResults.Difference.Test(
        count: test.count, statistic: test.statistic, p: test.p, holm: holm)
    }
  }
}
