import Foundation
import Metrics
import Studies
import SyntheticEndoscopy
import Torch

/// Dice, IoU, HD95 and surface Dice of pairs of masks; the peer is MONAI.
struct MetricsCases {
  private let context: BenchmarkContext
  private static let tolerance = 2.0

  init(_ context: BenchmarkContext) { self.context = context }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    for side in context.quick ? [256] : [256, 1024] { try add(scores(side: side)) }
  }

  private func scores(side: Int) throws -> CaseRecord {
    let pairs = try self.pairs(side: side, count: context.quick ? 2 : 4)
    func four(_ pair: (BinaryMask, BinaryMask)) throws -> [Double] {
      let overlap = try OverlapCounts(prediction: pair.0, reference: pair.1)
      let surfaces = try SurfaceDistances(prediction: pair.0, reference: pair.1)
      return [
        overlap.dice, overlap.iou, surfaces.hd95 ?? .nan,
        try surfaces.normalisedSurfaceDice(tolerance: Self.tolerance),
      ]
    }
    let wanted = try pairs.map(four)
    let tensors = context.options.work.appendingPathComponent("metrics.safetensors")
    func stacked(_ masks: [BinaryMask]) throws -> Tensor {
      try .stacked(masks.map { try Tensor($0.pixels, shape: [side, side]) })
    }
    try SafetensorsFile.write(
      [
        "prediction": stacked(pairs.map(\.0)), "reference": stacked(pairs.map(\.1)),
        "scores": .stacked(wanted.map { try Tensor($0) }),
      ], to: tensors)
    var record = CaseRecord(.metrics, "\(side)×\(side)")
    (record.items, record.item) = (pairs.count, "pair")
    var contestants: [Contestant] = [
      .ours(nil, name: "mcdrl") { for pair in pairs { _ = try four(pair) } },
      .ours(nil, name: "mcdrl, all twelve scores") {
        for pair in pairs {
          _ = try ImageScores(prediction: pair.0, reference: pair.1, tolerance: Self.tolerance)
        }
      },
    ]
    let peer = context.peers.contestant(
      "monai", name: "MONAI", against: "mcdrl", precision: nil, work: "metrics",
      [
        "tensors": .string(tensors.path), "tolerance": .number(Self.tolerance),
        "threads": .integer(context.options.threads),
      ], tolerance: 1e-3)
    if let peer { contestants.append(peer) }
    return context.measure(record, contestants, context.pace())
  }

  /// Makes rendered lesions, each with a slightly different copy.
  private func pairs(side: Int, count: Int) throws -> [(BinaryMask, BinaryMask)] {
    let world = World(seed: context.options.seed)
    let draws = (0..<40).lazy.map { world.draw(site: $0 % 5, index: $0, role: .source) }
      .filter { $0.lesion != nil }.prefix(count)
    let rendered = try withoutTeams { try Renderer(size: 256, compresses: false).render(Array(draws)) }
    return try rendered.enumerated().map {
      index, rendering in
      let mask = try Tensor(rendering.mask.pixels, shape: [1, 1, 256, 256]).to(.float32) / 255
      let large = try mask.resized(height: side, width: side).atLeast(0.5)
      let flat = try large.squeezed(0).squeezed(0)
      let moved = try flat.to(.uint8).rolled([(index + 1) * side / 100, side / 80], dims: [0, 1])
      return (try BinaryMask(moved.greater(than: 0)), try BinaryMask(flat))
    }
  }
}
