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

  /// A candidate with its distances.
  private struct Candidate {
    let features: String
    let way: Familiarity.Way
    let observed: [Double]
    let auroc: Double
    let threshold: Double
  }

  /// Measures all candidates: of each site the distances from the others.
  ///
  /// - Parameters:
  ///   - observations: the predictions.
  ///   - pictures: training images and junk.
  ///   - quantile: the share of images as they are below the threshold.
  /// - Throws: `TorchError` if memory is short.
  init(_ observations: [Observation], _ pictures: Pictures, quantile: Double) throws {
    let names = Set(pictures.known.flatMap(\.pooled.keys)).sorted()
    var candidates: [Candidate] = []
    for name in names {
      for way in Familiarity.Way.allCases {
        if let found = try Self.candidate(name, way, observations, pictures, quantile) {
          candidates.append(found)
        }
      }
    }
    // Of equal ones the first: Mahalanobis' distance needs less memory.
    guard
      let chosen = candidates.max(by: { $0.auroc < $1.auroc }).flatMap({ best in
        candidates.first { $0.auroc == best.auroc }
      })
    else {
      best = nil
      return
    }
    let rule = Familiarity.Rule(
      features: chosen.features, way: chosen.way, threshold: chosen.threshold, quantile: quantile,
      auroc: Dictionary(
        candidates.map { ("\($0.features) \($0.way.rawValue)", $0.auroc) },
        uniquingKeysWith: { first, _ in first }),
      images: pictures.known.count)
    let metric = try Familiarity.Metric(chosen.way, sites: Self.groups(pictures.known, chosen.features))
    best = Found(
      familiarity: try Familiarity(rule, metric), distances: chosen.observed.map { $0 / chosen.threshold })
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
    let sorted = own.filter(\.isFinite).sorted()
    guard !sorted.isEmpty, observed.allSatisfy(\.isFinite) else { return nil }
    let threshold = Percentile.ofSorted(sorted, percent: quantile * 100)
    let area = AreaUnderCurve.of(
      own + junk, positive: own.map { _ in false } + junk.map { _ in true })
    guard let area, threshold > 0 else { return nil }
    return Candidate(features: name, way: way, observed: observed, auroc: area, threshold: threshold)
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
