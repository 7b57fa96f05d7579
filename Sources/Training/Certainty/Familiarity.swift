import Foundation
import Statistics
import Storage
import Torch

/// How far an image is from the training sites in features of the image tower.
///
/// The files are `familiarity.safetensors`, with the known features, and the part `familiarity` of
/// `calibration.json`, with the rule.
struct Familiarity: Sendable {
  /// The ways of measuring a distance.
  enum Way: String, Codable, CaseIterable, Sendable {
    /// Mahalanobis' distance to the nearest site.
    case mahalanobis
    /// The distance to a near known image.
    case neighbours
  }

  /// The rule, as in `calibration.json`.
  struct Rule: Codable, Equatable, Sendable {
    /// The pooled features: `dense`, `texture` or `head`.
    let features: String
    /// The way of measuring.
    let way: Way
    /// The distance from which an image counts as unlike every training site.
    let threshold: Double
    /// The share of validation images of left-out source sites below the threshold.
    let quantile: Double
    /// AUROC of left-out source images against junk, by candidate, such as `dense mahalanobis`.
    let auroc: [String: Double]
    /// The number of known images.
    let images: Int

    /// Whether the numbers can be used.
    var isUsable: Bool { threshold.isFinite && threshold > 0 }
  }

  /// A fitted distance.
  enum Metric: Sendable {
    case mahalanobis(FeatureDistance.Mahalanobis)
    case neighbours(FeatureDistance.Neighbours)

    /// Fits a distance to the features of each site, n×d.
    init(_ way: Way, sites: [Tensor]) throws {
      switch way {
      case .mahalanobis: self = .mahalanobis(try .init(groups: sites))
      case .neighbours: self = .neighbours(try .init(.concatenated(sites, dim: 0), neighbour: 5))
      }
    }

    /// Computes the distances of images, n×d.
    func callAsFunction(_ features: Tensor) throws -> [Double] {
      let count = try features.size(0)
      // The offsets from each site take memory, so a few images at a time.
      return try stride(from: 0, to: count, by: 128).flatMap { start in
        let part = try features.narrowed(dim: 0, start: start, length: min(128, count - start))
        return switch self {
        case .mahalanobis(let distance): try distance(part).doubles()
        case .neighbours(let distance): try distance(part).doubles()
        }
      }
    }

    /// The tensors of the file.
    fileprivate var tensors: [String: Tensor] {
      switch self {
      case .mahalanobis(let distance): ["means": distance.means, "whitening": distance.whitening]
      case .neighbours(let distance): ["known": distance.known, "scale": distance.scale]
      }
    }

    /// Restores a distance; nil if tensors are missing or do not fit each other.
    fileprivate init?(_ way: Way, _ tensors: [String: Tensor]) throws {
      let names = way == .mahalanobis ? ("means", "whitening") : ("known", "scale")
      guard let first = try tensors[names.0]?.to(.float64), let second = try tensors[names.1]?.to(.float64),
        first.rank == 2, second.rank == 2, try first.isFinite(), try second.isFinite(),
        try first.size(0) > 0, try first.size(1) == second.size(1),
        try second.size(0) == (way == .mahalanobis ? first.size(1) : 2)
      else { return nil }
      switch way {
      case .mahalanobis: self = .mahalanobis(.init(means: first, whitening: second))
      case .neighbours:
        self = .neighbours(.init(known: first, scale: second, neighbour: min(5, try first.size(0))))
      }
    }
  }

  /// The rule.
  let rule: Rule
  private let metric: Metric
  private let width: Int

  /// Makes the value from its parts.
  init(_ rule: Rule, _ metric: Metric) throws {
    self.rule = rule
    self.metric = metric
    width = try metric.tensors.values.first?.size(1) ?? 0
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
    guard let metric = try? Metric(rule.way, tensors) else { throw CalibrationError.damaged(file) }
    try self.init(rule, metric)
  }

  /// Writes the distance.
  ///
  /// - Throws: `FileError` that names the file.
  func write(to file: URL, model: String) throws {
    try SafetensorsFile.write(
      metric.tensors.mapValues { try $0.to(.float32) },
      metadata: ["format": "mcdrl-familiarity", "model": model],
      to: file)
  }

  /// Returns the distance of an image in units of the threshold: above 1 it is unlike every site.
  ///
  /// - Parameter pooled: the pooled features of the image, by name.
  /// - Returns: the distance; nil if the features are missing.
  /// - Throws: `TorchError` if memory is short.
  func distance(_ pooled: [String: [Float]]) throws -> Double? {
    guard let features = pooled[rule.features], features.count == width else { return nil }
    return try metric(Tensor(features, shape: [1, features.count]))[0] / rule.threshold
  }
}
