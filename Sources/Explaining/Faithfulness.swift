import Metrics
import Statistics
import Storage
import Torch
import Training

/// How well the weights of a model identify the recorded true confounders of images.
///
/// A confounder counts as present from a strength of `presentFrom` on, as in captions. Every value
/// is the area under the curve of a score over images against presence. Intervals are percentiles
/// over images, resampled by group. Every score uses the same draws, so that differences are
/// paired. There is no interval over fewer groups than `IndependentUnits.least`; for one confounder,
/// this many must have it and as many lack it.
package struct Faithfulness: Codable, Equatable, Sendable {
  /// One score of an image for every confounder.
  package struct Score: Codable, Equatable, Sendable {
    /// `attention`, `zero_shot`, `cosine` or `evidence`.
    package let name: String
    /// The area for each confounder, M; nil if no image, or every image, has it.
    package let areas: [Interval?]
    /// The mean over the confounders that at least `least` images have and at least `least` lack.
    ///
    /// It is nil if there are none.
    @Nullable package var mean: Interval?
    /// Its mean minus the mean of the zero-shot posterior; nil for that score itself.
    @Nullable package var overZeroShot: Interval?

    enum CodingKeys: String, CodingKey {
      case name, mean
      case areas = "auc"
      case overZeroShot = "over_zero_shot"
    }
  }

  /// The lowest strength at which a confounder is visible and counts as present.
  ///
  /// The probes use the same limit.
  package static let presentFrom = 0.3

  /// The minimum number of images with and without a confounder that counts in a mean.
  ///
  /// Resamples rarely lose so many images.
  package static let least = 5

  /// The number of images with known confounders.
  package let count: Int
  /// The number of their groups.
  package let groups: Int
  /// The number of images with each confounder, M.
  package let present: [Int]
  /// Recorded confounders without an entry in the dictionary.
  package let strangers: [String]
  /// The scores.
  package let scores: [Score]

  enum CodingKeys: String, CodingKey {
    case groups, present, scores
    case count = "n"
    case strangers = "not_in_dictionary"
  }

  /// Compares scores with the truth.
  ///
  /// It is nil without a record, or if no confounder is in some images and absent in others.
  ///
  /// - Parameters:
  ///   - images: those without a record are ignored.
  ///   - confounders: M names.
  ///   - resamples: of the bootstrap.
  ///   - seed: of the bootstrap.
  /// - Throws: `TorchError` if the generator fails.
  package init?(
    _ images: [ExplainedImage], confounders: [String], resamples: Int = 2000, seed: UInt64 = 0
  ) throws {
    let known = images.compactMap { image in image.truth.map { (image: image, truth: $0) } }
    let names = Array(Set(known.map(\.image.group))).sorted()
    let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    let labels = known.map { places[$0.image.group] ?? 0 }
    let presence = confounders.map { name in known.map { ($0.truth[name] ?? 0) >= Self.presentFrom } }
    guard presence.contains(where: { Set($0).count == 2 }) else { return nil }
    let weights = try GroupResampling(
      groups: names.count, resamples: resamples, generator: Generator(seed: seed, for: "faithfulness")
    ).counts.indexed(Tensor(labels), dim: 1)

    let kinds: [(name: String, values: (ExplainedImage) -> [Double]?)] = [
      ("attention", { $0.attention }), ("zero_shot", { $0.zeroShot }), ("cosine", { $0.cosine }),
      ("evidence", { $0.evidence }),
    ]
    var drawn: [String: Drawn] = [:]
    for kind in kinds {
      let values = known.compactMap { kind.values($0.image) }
      guard values.count == known.count else { continue }
      let columns = confounders.indices.map { column in values.map { $0[column] } }
      let exact = zip(columns, presence).map { AreaUnderCurve.of($0, positive: $1) }
      let resampled = try zip(columns, presence).map {
        try Self.areas($0, present: $1, weights: weights, resamples: resamples)
      }
      drawn[kind.name] = (exact, try .stacked(resampled, dim: 1))
    }
    count = known.count
    groups = names.count
    present = presence.map { $0.filter { $0 }.count }
    strangers = Set(known.flatMap(\.truth.keys)).subtracting(confounders).sorted()
    let counted = presence.indices.filter { z in
      let with = presence[z].filter { $0 }.count
      return min(with, known.count - with) >= Self.least
    }
    let few = IndependentUnits.shortage(names.count)
    let fewOfEach = presence.map { present in
      let with = Set(zip(labels, present).filter(\.1).map(\.0)).count
      let without = Set(zip(labels, present).filter { !$0.1 }.map(\.0)).count
      return IndependentUnits.shortage(min(with, without))
    }
    scores = try kinds.compactMap { kind in
      guard let own = drawn[kind.name] else { return nil }
      let other = kind.name == "zero_shot" ? nil : drawn["zero_shot"]
      return Score(
        name: kind.name,
        areas: try Bootstrap.intervals(of: own.resampled, around: own.exact, shortages: fewOfEach),
        mean: try Self.mean(own, counted, few),
        overZeroShot: try other.flatMap { try Self.mean(own, less: $0, counted, few) })
    }
  }

  /// Returns one of the scores.
  package func score(_ name: String) -> Score? { scores.first { $0.name == name } }

  /// Areas over all images, and in every resample, R×M.
  private typealias Drawn = (exact: [Double?], resampled: Tensor)

  /// Computes the mean area over some confounders, with its interval.
  ///
  /// If `other` is given, its mean area is subtracted.
  private static func mean(
    _ own: Drawn, less other: Drawn? = nil, _ counted: [Int], _ shortage: String?
  ) throws -> Interval? {
    guard !counted.isEmpty else { return nil }
    func means(_ drawn: Drawn) throws -> (value: Double, draws: Tensor) {
      let areas = try drawn.resampled.indexed(Tensor(counted), dim: 1)
      // If a resample lost a confounder, the mean is over the others.
      let defined = try areas.equals(areas)
      let sums = try defined.choose(areas, else: areas.zerosLike()).sum([1], keepDimensions: true)
      return (
        counted.compactMap { drawn.exact[$0] }.reduce(0, +) / Double(counted.count),
        try sums / defined.to(.float64).sum([1], keepDimensions: true)
      )
    }
    let first = try means(own)
    guard let second = try other.map(means) else {
      return try Bootstrap.intervals(of: first.draws, around: [first.value], shortages: [shortage])[0]
    }
    return try Bootstrap.intervals(
      of: first.draws - second.draws, around: [first.value - second.value], shortages: [shortage])[0]
  }

  /// Computes the area in every resample, R; NaN if it has no positive or no negative image.
  private static func areas(
    _ scores: [Double], present: [Bool], weights: Tensor, resamples: Int
  ) throws -> Tensor {
    let positives = present.indices.filter { present[$0] }
    let negatives = present.indices.filter { !present[$0] }
    guard !positives.isEmpty, !negatives.isEmpty else {
      return try .full([resamples], .nan).to(.float64)
    }
    let (above, below) = (
      try Tensor(positives.map { scores[$0] }, shape: [positives.count, 1]),
      try Tensor(negatives.map { scores[$0] }, shape: [1, negatives.count])
    )
    let wins = try above.greater(than: below).to(.float64) + above.equals(below).to(.float64) * 0.5
    let (own, other) = (
      try weights.indexed(Tensor(positives), dim: 1), try weights.indexed(Tensor(negatives), dim: 1)
    )
    return try (own.matmul(wins) * other).sum([1]) / (own.sum([1]) * other.sum([1]))
  }
}
