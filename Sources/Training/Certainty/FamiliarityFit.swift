import Foundation
import Metrics
import Torch

/// Chooses the features and the distance that tell source images from junk.
struct FamiliarityFit {
  /// The pooled features of one picture.
  struct Picture: Sendable {
    /// The site.
    let site: String
    /// The features, by name.
    let pooled: [String: [Float]]
  }

  /// The pictures beside the predictions.
  struct Pictures: Sendable {
    /// Training images.
    let known: [Picture]
    /// Junk that is made from validation images.
    let junk: [Picture]
  }

  /// A fitted distance, and what it says of the predictions.
  struct Found {
    /// The distance.
    let familiarity: Familiarity
    /// The distance of each prediction from the other sites, in units of the threshold.
    let distances: [Double?]
  }

  /// The distance with the highest AUROC; nil if pictures have no features.
  let best: Found?

  /// A candidate with its distances, in its unit.
  private struct Candidate {
    let parts: [Familiarity.Part]
    /// The distance of each prediction from the other sites.
    let observed: [Double]
    /// The distances of the images as they are, and of junk.
    let own, junk: [Double]

    var name: String { parts.map(\.name).joined(separator: " and ") }
    /// AUROC of the images as they are against junk.
    var auroc: Double? {
      AreaUnderCurve.of(own + junk, positive: own.map { _ in false } + junk.map { _ in true })
    }

    /// Both distances, of which the larger counts.
    func joined(with other: Candidate) -> Candidate {
      func larger(_ first: [Double], _ second: [Double]) -> [Double] {
        zip(first, second).map { max($0, $1) }
      }
      return Candidate(
        parts: parts + other.parts, observed: larger(observed, other.observed), own: larger(own, other.own),
        junk: larger(junk, other.junk))
    }
  }

  /// The features that pixels alone have.
  static let appearance = "appearance"

  /// Measures all candidates: of each site the distances from the others.
  ///
  /// - Parameters:
  ///   - observations: the predictions.
  ///   - pictures: training images and junk.
  ///   - quantile: the share of images as they are below the threshold.
  /// - Throws: `TorchError` if memory is short.
  init(_ observations: [Observation], _ pictures: Pictures, quantile: Double) throws {
    let names = Set(pictures.known.flatMap(\.pooled.keys)).sorted()
    var candidates: [(candidate: Candidate, auroc: Double)] = []
    for name in names {
      for way in Familiarity.Way.allCases {
        guard let found = try Self.candidate(name, way, observations, pictures, quantile),
          let auroc = found.auroc
        else { continue }
        candidates.append((found, auroc))
      }
    }
    func first(_ isIncluded: (String) -> Bool) -> Candidate? {
      // Of equal ones the first: Mahalanobis' distance needs less memory.
      candidates.filter { isIncluded($0.candidate.parts[0].features) }
        .max { $0.auroc < $1.auroc || $0.auroc == $1.auroc && $0.candidate.parts[0].way == .neighbours }?
        .candidate
    }
    // Features of the tower know what an image shows; black frames and noise differ in their pixels.
    if let tower = first({ $0 != Self.appearance }), let pixels = first({ $0 == Self.appearance }) {
      let both = tower.joined(with: pixels)
      // Before the single ones, because it covers more kinds of strange images than the junk here.
      if let auroc = both.auroc { candidates.insert((both, auroc), at: 0) }
    }
    let highest = candidates.map(\.auroc).max()
    guard let chosen = candidates.first(where: { $0.auroc == highest })?.candidate else {
      best = nil
      return
    }
    let threshold = Percentile.ofSorted(chosen.own.sorted(), percent: quantile * 100)
    let rule = Familiarity.Rule(
      parts: chosen.parts, threshold: threshold, quantile: quantile,
      auroc: Dictionary(
        candidates.map { ($0.candidate.name, $0.auroc) }, uniquingKeysWith: { first, _ in first }),
      images: pictures.known.count)
    let metrics = try chosen.parts.map { part in
      try Familiarity.Metric(part.way, sites: Self.groups(pictures.known, part.features))
    }
    best = Found(
      familiarity: Familiarity(rule, metrics), distances: chosen.observed.map { $0 / threshold })
  }

  private static func candidate(
    _ name: String, _ way: Familiarity.Way, _ observations: [Observation], _ pictures: Pictures,
    _ quantile: Double
  ) throws -> Candidate? {
    var observed = [Double](repeating: .nan, count: observations.count)
    var (own, junk): ([Double], [Double]) = ([], [])
    for site in Set(observations.map(\.site)).sorted() {
      let others = pictures.known.filter { $0.site != site }
      let groups = try groups(others.isEmpty ? pictures.known : others, name)
      let places = observations.indices.filter { observations[$0].site == site }
      guard !groups.isEmpty, let rows = try matrix(places.map { observations[$0].pooled[name] }) else {
        return nil
      }
      let metric = try Familiarity.Metric(way, sites: groups)
      for (place, distance) in zip(places, try metric(rows)) {
        observed[place] = distance
        if observations[place].variant == 0 { own.append(distance) }
      }
      if let strange = try matrix(pictures.junk.filter { $0.site == site }.map { $0.pooled[name] }) {
        junk += try metric(strange)
      }
    }
    guard !own.isEmpty, (observed + junk).allSatisfy(\.isFinite) else { return nil }
    let unit = Percentile.ofSorted(own.sorted(), percent: quantile * 100)
    guard unit > 0 else { return nil }
    return Candidate(
      parts: [Familiarity.Part(features: name, way: way, unit: unit)], observed: observed.map { $0 / unit },
      own: own.map { $0 / unit }, junk: junk.map { $0 / unit })
  }

  /// The features of each site, n×d.
  private static func groups(_ pictures: [Picture], _ name: String) throws -> [Tensor] {
    let groups = Dictionary(grouping: pictures, by: \.site)
    return try groups.keys.sorted().compactMap { try matrix(groups[$0, default: []].map { $0.pooled[name] }) }
  }

  /// Stacks features, n×d; nil without a row, or if one lacks them.
  private static func matrix(_ rows: [[Float]?]) throws -> Tensor? {
    let known = rows.compactMap { $0 }
    guard let width = known.first?.count, known.count == rows.count, known.allSatisfy({ $0.count == width })
    else { return nil }
    return try Tensor(known.flatMap { $0 }, shape: [known.count, width])
  }
}
