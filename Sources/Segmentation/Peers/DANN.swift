import Foundation
import Torch

/// Domain-adversarial training: a discriminator learns to tell the site from the features, whose gradient is reversed, so
/// that they come to say nothing of it.
///
/// Ganin et al., Domain-Adversarial Training of Neural Networks, JMLR 2016: one pass trains both through the reversal, its
/// strength rising as 2 / (1 + e^(−10 p)) − 1 with the share p of training. There are as many domains as source sites, and the
/// discriminator is DomainBed's, three layers of width 256. It reads the mean over positions of the head's features where
/// tower and image have met (`SegmentationOutput.features`), for a site is a property of an image.
final class DANN: SegmentationMethod {
  override class var name: String { "dann" }
  override class var summary: String { "trains the head's features against a discriminator of sites" }
  override class var reference: String {
    "Ganin et al.: Domain-Adversarial Training of Neural Networks. JMLR 2016"
  }
  override class var defaults: [String: Double] { ["weight": 1, "width": 256] }

  @Child private var layers: [Linear]
  private let weight: Double

  required init(_ context: MethodContext) throws {
    weight = try context.option("weight", of: Self.self, in: 0...Double.greatestFiniteMagnitude)
    let width = Int(try context.option("width", of: Self.self, in: 1...65_536))
    let widths = [context.featureWidth, width, width, try context.requiredSites(of: Self.self)]
    let generator = try Generator(seed: context.seed, for: "method")
    _layers = Child(
      "layers", try zip(widths, widths.dropFirst()).map { try Linear($0, $1, generator: generator) })
    try super.init(context)
  }

  override func penalty(_ output: SegmentationOutput, _ batch: MethodBatch) throws -> Tensor? {
    guard let features = try output.features?.to(.float32).mean([2, 3]) else { return nil }
    let strength = 2 / (1 + exp(-10 * batch.progress)) - 1
    var hidden = try Self.reversed(features, strength: strength)
    for (index, layer) in layers.enumerated() {
      hidden = try index == 0 ? layer(hidden) : layer(hidden.relu())
    }
    return try hidden.crossEntropy(classes: Tensor(batch.sites).to(hidden.device)) * weight
  }

  /// The same values, whose gradient is turned round and scaled.
  static func reversed(_ x: Tensor, strength: Double) throws -> Tensor {
    try x.detached() * (1 + strength) - x * strength
  }
}
