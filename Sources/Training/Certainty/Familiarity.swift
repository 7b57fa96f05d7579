import Foundation
import Statistics
import Storage
import Torch

/// How far an image is from the training sites, in features of the image tower and of its pixels.
///
/// The files are `familiarity.safetensors`, with the known features, and the part `familiarity` of
/// `calibration.json`, with the rule. A rule has one or two parts, such as the tower's features and
/// the appearance of the pixels. The distance is the largest of theirs.
struct Familiarity: Sendable {
  /// The ways of measuring a distance.
  enum Way: String, Codable, CaseIterable, Sendable {
    /// Mahalanobis' distance to the nearest site.
    case mahalanobis
    /// The distance to a near known image.
    case neighbours
  }

  /// One distance.
  struct Part: Codable, Equatable, Sendable {
    /// The pooled features: `dense`, `texture`, `head` or `appearance`.
    let features: String
    /// The way of measuring.
    let way: Way
    /// The quantile of this distance over left-out source images, its unit.
    let unit: Double

    /// The name in tables, such as `mahalanobis over dense`.
    var name: String { "\(way.rawValue) over \(features)" }
  }

  /// The rule, as in `calibration.json`.
  struct Rule: Codable, Equatable, Sendable {
    /// The distances, one or two.
    let parts: [Part]
    /// The largest distance, in their units, from which an image counts as unlike every training
    /// site.
    let threshold: Double
    /// The share of validation images of left-out source sites below the threshold.
    let quantile: Double
    /// AUROC of left-out source images against junk, by candidate, such as `mahalanobis over
    /// dense`.
    let auroc: [String: Double]
    /// The number of known images.
    let images: Int

    /// The name in tables.
    var name: String { parts.map(\.name).joined(separator: " and ") }
    /// Whether the numbers can be used.
    var isUsable: Bool {
      (1...2).contains(parts.count) && ([threshold] + parts.map(\.unit)).allSatisfy { $0.isFinite && $0 > 0 }
    }
  }

  /// A fitted distance over features that are scaled to mean 0 and deviation 1.
  struct Metric: Sendable {
    private enum Kind: Sendable {
      case mahalanobis(FeatureDistance.Mahalanobis)
      case neighbours(FeatureDistance.Neighbours)
    }

    private let kind: Kind
    /// The mean and the deviation of the known features, 2×d.
    private let scale: Tensor
    /// d.
    let width: Int

    /// Fits a distance to the features of each site, n×d.
    init(_ way: Way, sites: [Tensor]) throws {
      let all = try Tensor.concatenated(sites, dim: 0).to(.float64)
      let deviation = try all.variance([0], correction: 0).squareRoot()
      let usable = try deviation.greater(than: 1e-10).choose(deviation, else: deviation.onesLike())
      let scale = try Tensor.stacked([all.mean([0]), usable])
      let scaled = try sites.map { try Self.scaled($0, by: scale) }
      switch way {
      case .mahalanobis: kind = .mahalanobis(try .init(groups: scaled))
      case .neighbours: kind = .neighbours(try .init(.concatenated(scaled, dim: 0), neighbour: 5))
      }
      self.scale = scale
      width = try scale.size(1)
    }

    /// Computes the distances of images, n×d.
    func callAsFunction(_ features: Tensor) throws -> [Double] {
      let count = try features.size(0)
      // The offsets from each site take memory, so a few images at a time.
      return try stride(from: 0, to: count, by: 128).flatMap { start in
        let part = try Self.scaled(
          features.narrowed(dim: 0, start: start, length: min(128, count - start)), by: scale)
        return switch kind {
        case .mahalanobis(let distance): try distance(part).doubles()
        case .neighbours(let distance): try distance(part).doubles()
        }
      }
    }

    private static func scaled(_ rows: Tensor, by scale: Tensor) throws -> Tensor {
      try (rows.to(.float64) - scale.selected(dim: 0, index: 0)) / scale.selected(dim: 0, index: 1)
    }

    /// The tensors of the file, by name.
    fileprivate func tensors(_ prefix: String) -> [String: Tensor] {
      let own =
        switch kind {
        case .mahalanobis(let distance): ["means": distance.means, "whitening": distance.whitening]
        case .neighbours(let distance): ["known": distance.known, "known_scale": distance.scale]
        }
      let all = own.merging(["scale": scale]) { first, _ in first }
      return Dictionary(uniqueKeysWithValues: all.map { (prefix + $0.key, $0.value) })
    }

    /// Restores a distance; nil if tensors are missing or do not fit each other.
    fileprivate init?(_ way: Way, _ tensors: [String: Tensor], _ prefix: String) throws {
      let names = way == .mahalanobis ? ("means", "whitening") : ("known", "known_scale")
      func tensor(_ name: String) throws -> Tensor? { try tensors[prefix + name]?.to(.float64) }
      guard let scale = try tensor("scale"), let first = try tensor(names.0), let second = try tensor(names.1)
      else { return nil }
      let all = [scale, first, second]
      guard try all.allSatisfy({ try $0.rank == 2 && $0.size(0) > 0 && $0.isFinite() }) else { return nil }
      let width = try scale.size(1)
      guard try scale.size(0) == 2, try first.size(1) == width, try second.size(1) == width,
        try second.size(0) == (way == .mahalanobis ? width : 2)
      else { return nil }
      self.scale = scale
      self.width = width
      switch way {
      case .mahalanobis: kind = .mahalanobis(.init(means: first, whitening: second))
      case .neighbours:
        kind = .neighbours(.init(known: first, scale: second, neighbour: min(5, try first.size(0))))
      }
    }
  }

  /// The rule.
  let rule: Rule
  /// A distance for each part.
  private let metrics: [Metric]

  /// Makes the value from its parts.
  init(_ rule: Rule, _ metrics: [Metric]) {
    self.rule = rule
    self.metrics = metrics
  }

  /// Reads the distance of a run.
  ///
  /// - Parameters:
  ///   - file: the file.
  ///   - rule: the rule of `calibration.json`.
  ///   - model: the hash of the run's model.
  ///   - run: the run, for messages.
  /// - Throws: `CalibrationError`, or an error that names the file.
  init(_ file: URL, _ rule: Rule, model: String, of run: RunFolder) throws {
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw CalibrationError.missing(file, besides: run.calibrationFile)
    }
    let content = try SafetensorsFile(file)
    guard content.metadata["model"] == model else {
      throw CalibrationError.otherModel(file, weights: run.weightsFile)
    }
    let tensors = try content.tensors()
    // A tensor of another type or rank is damage, too.
    let metrics = rule.parts.enumerated().compactMap { index, part in
      try? Metric(part.way, tensors, Self.prefix(index))
    }
    guard metrics.count == rule.parts.count else { throw CalibrationError.damaged(file) }
    self.init(rule, metrics)
  }

  /// Writes the distance.
  ///
  /// - Throws: `FileError` that names the file.
  func write(to file: URL, model: String) throws {
    var tensors: [String: Tensor] = [:]
    for (index, metric) in metrics.enumerated() {
      for (name, tensor) in metric.tensors(Self.prefix(index)) { tensors[name] = try tensor.to(.float32) }
    }
    try SafetensorsFile.write(
      tensors, metadata: ["format": "mcdrl-familiarity", "model": model], to: file)
  }

  private static func prefix(_ index: Int) -> String { "part\(index + 1)." }

  /// Returns the distance of an image in units of the threshold: above 1 it is unlike every site.
  ///
  /// - Parameter pooled: the pooled features of the image, by name.
  /// - Returns: the distance; nil if the features are missing.
  /// - Throws: `TorchError` if memory is short.
  func distance(_ pooled: [String: [Float]]) throws -> Double? {
    var largest = 0.0
    for (part, metric) in zip(rule.parts, metrics) {
      guard let features = pooled[part.features], features.count == metric.width else { return nil }
      largest = max(largest, try metric(Tensor(features, shape: [1, features.count]))[0] / part.unit)
    }
    return largest / rule.threshold
  }
}
