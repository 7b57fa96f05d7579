import Metrics
import Statistics
import Storage
import Torch

/// Trained runs beside each other on the same images, with the intervals and tests of a study.
///
/// Patients or sequences are resampled within their site, the image where none is stated, with the
/// draws of a study of the same seed. So the interval of two runs is that of a study with these
/// folds. An arm may have several runs; its score of an image is their mean.
package struct RunComparison: Encodable, Sendable {
  /// The scores of the arms at one site.
  package struct Place: Sendable {
    /// The site.
    package let site: String
    /// Each arm, with the images of its runs; at least one run each, all of the same images.
    package let arms: [(name: String, runs: [[FoldResult.Image]])]

    /// Makes a place from its parts.
    package init(site: String, arms: [(name: String, runs: [[FoldResult.Image]])]) {
      (self.site, self.arms) = (site, arms)
    }
  }

  /// One site.
  package struct Site: Codable, Equatable, Sendable {
    /// The name.
    package let site: String
    /// The number of images; with several classes, an image counts once for each.
    package let count: Int
    /// The number of different images.
    package let images: Int
    /// The number of images with a lesion; with several classes, an image counts once for each.
    package let countWithLesion: Int
    /// The number of patients or sequences.
    package let groups: Int

    enum CodingKeys: String, CodingKey {
      case site, groups
      case count = "n"
      case images = "n_images"
      case countWithLesion = "n_with_lesion"
    }
  }

  /// The scores of one arm.
  package struct Score: Codable, Equatable, Sendable {
    /// The arm.
    package let arm: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// The mean over images of each measure; one that is undefined on all images is missing.
    package let means: [PairedMeasure: Interval]
  }

  /// The difference of two arms in one measure, paired by image: candidate minus reference.
  package struct Difference: Codable, Equatable, Sendable {
    /// The measure.
    package let measure: PairedMeasure
    /// The later arm.
    package let candidate: String
    /// The earlier arm.
    package let reference: String
    /// The site; nil for the mean over sites.
    @Nullable package private(set) var site: String?
    /// The number of images on which both define the measure.
    package let count: Int
    /// The number of patients or sequences with such an image: the pairs of the test.
    package let groups: Int
    /// The mean over images; over sites, the mean of the sites' means.
    package let difference: Interval
    /// Whether the interval excludes zero; only then does the difference count as one.
    package let isDifference: Bool
    /// The test; nil if no group differs, or for too few groups.
    @Nullable package private(set) var wilcoxon: StudyResults.Difference.Test?
    /// The matched-pairs rank-biserial correlation, −1 to 1; nil if no group differs.
    @Nullable package private(set) var rankBiserial: Double?
    /// The number of groups on which the candidate is better.
    package let wins: Int
    /// The number of groups on which both are the same.
    package let ties: Int
    /// The number of groups on which the candidate is worse.
    package let losses: Int

    enum CodingKeys: String, CodingKey {
      case measure, candidate, reference, site, groups, difference, wilcoxon, wins, ties, losses
      case count = "n"
      case isDifference = "is_difference"
      case rankBiserial = "rank_biserial"
    }
  }

  /// The sites.
  package let sites: [Site]
  /// The arms, in the order of the call.
  package let arms: [String]
  /// Every arm at every site, then over several sites.
  package let scores: [Score]
  /// Every pair of up to six arms, otherwise each with the first, by measure.
  package let differences: [Difference]

  /// Compares arms.
  ///
  /// - Parameters:
  ///   - places: the sites, each with the same arms in the same order.
  ///   - resamples: the number of resamples.
  ///   - seed: the seed of the resampling.
  /// - Throws: `StudyError.otherImages` if the scores are of different images, `StudyError.empty`
  ///   without an arm or a run, or `TorchError`.
  package init(_ places: [Place], resamples: Int = 2000, seed: UInt64 = 0) throws {
    guard let names = places.first?.arms.map(\.name), !names.isEmpty,
      places.allSatisfy({ $0.arms.map(\.name) == names })
    else { throw StudyError.empty }
    let paired = try places.map { try PairedScores($0) }
    // With one thread, the sums of products do not depend on the number of threads.
    let (scores, differences) = try Machine.withThreads(1) {
      let draws = try paired.map { site in
        try GroupResampling(
          groups: site.groups, resamples: resamples,
          generator: Generator(seed: seed, for: "bootstrap", site.name))
      }
      return (
        try Self.scores(paired, draws, names: names), try Self.differences(paired, draws, names: names)
      )
    }
    sites = paired.map { site in
      Site(
        site: site.name, count: site.labels.count, images: site.images,
        countWithLesion: site.hasLesion.count { $0 }, groups: site.groups)
    }
    arms = names
    (self.scores, self.differences) = (scores, differences)
  }

  /// How intervals and tests are computed, in words.
  package static let rules =
    "Paired by image: a difference is that of two runs on the same images. Intervals: 95 % percentile "
    + "bootstrap over patients or sequences (images where none are stated), drawn within their site, the same for "
    + "all runs; none over fewer than \(IndependentUnits.least). Tests: Wilcoxon signed-rank, two-sided, on the mean "
    + "difference of each patient or sequence; p (Holm) corrects over all pairs and places of the same measure. "
    + "Better, same and worse count patients or sequences. A difference is called one only when its interval "
    + "excludes zero"

  /// Returns the scores of an arm; over the sites if `site` is nil.
  package func score(_ arm: String, site: String?) -> Score? {
    scores.first { $0.arm == arm && $0.site == site }
  }

  /// The places of the rows: the sites, and with several also their mean.
  private static func places(_ sites: [PairedScores]) -> [String?] {
    sites.map(\.name) + (sites.count > 1 ? [nil] : [])
  }

  private static func scores(
    _ sites: [PairedScores], _ draws: [GroupResampling], names: [String]
  ) throws -> [Score] {
    let measures = PairedMeasure.allCases
    let columns = sites.map { site in
      names.indices.flatMap { arm in measures.map { site.values[arm][$0] ?? [] } }
    }
    let rows = try PairedStatistics(sites, columns, draws)
    return names.indices.flatMap { arm in
      places(sites).enumerated().map { place, site in
        let found = measures.indices.map { rows.intervals[place][arm * measures.count + $0] }
        let means = zip(measures, found).compactMap { measure, interval in interval.map { (measure, $0) } }
        return Score(arm: names[arm], site: site, means: Dictionary(uniqueKeysWithValues: means))
      }
    }
  }

  private static func differences(
    _ sites: [PairedScores], _ draws: [GroupResampling], names: [String]
  ) throws -> [Difference] {
    let pairs = StudyDifferences.pairs(names.count)
    guard !pairs.isEmpty else { return [] }
    let places = places(sites)
    return try PairedMeasure.allCases.flatMap { measure -> [Difference] in
      let columns = sites.map { site in
        pairs.map { site.differences(measure, of: $0.candidate, to: $0.reference) }
      }
      let rows = try PairedStatistics(sites, columns, draws)
      let family = pairs.indices.flatMap { pair in places.indices.map { (pair: pair, place: $0) } }
      let groups = family.map { item in
        item.place < sites.count
          ? sites[item.place].byGroup(columns[item.place][item.pair])
          : sites.indices.flatMap { sites[$0].byGroup(columns[$0][item.pair]) }
      }
      let tests = StudyDifferences.corrected(groups.map(StudyDifferences.test))
      return zip(zip(family, groups), tests).compactMap { found, test -> Difference? in
        let (item, groups) = found
        guard let interval = rows.intervals[item.place][item.pair] else { return nil }
        let own = item.place < sites.count ? [item.place] : Array(sites.indices)
        let sign: Double = measure.isLowerBetter ? -1 : 1
        return Difference(
          measure: measure, candidate: names[pairs[item.pair].candidate],
          reference: names[pairs[item.pair].reference], site: places[item.place],
          count: own.reduce(0) { $0 + columns[$1][item.pair].count { $0 != nil } }, groups: groups.count,
          difference: interval, isDifference: interval.excludesZero, wilcoxon: test,
          rankBiserial: RankBiserial.of(groups), wins: groups.count { sign * $0 > 0 },
          ties: groups.count { $0 == 0 }, losses: groups.count { sign * $0 < 0 })
      }
    }
  }
}
