import CLIP
import Datasets
import Foundation
import Torch
import Training

/// Decoding of a 1920×1080 JPEG to the input of CLIP's tower.
///
/// The peers are Pillow, Pillow-SIMD, OpenCV and torchvision.
struct DecodeCases {
  private let context: BenchmarkContext
  private static let size = 224

  init(_ context: BenchmarkContext) { self.context = context }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    let files = try Frames.write(
      context.quick ? 2 : 8, to: context.folder("decode"), seed: context.options.seed)
    let preparation = ImagePreparation(size: Self.size)
    let reader = SampleReader(size: Self.size)
    func prepared(_ file: URL, reducedBy denominator: Int) throws -> Tensor {
      try preparation.squashed(reader.image(file, reducedBy: denominator))
    }
    let reference = try Tensor.stacked(files.map { try prepared($0, reducedBy: 1) })
    let tensors = context.options.work.appendingPathComponent("decode.safetensors")
    try SafetensorsFile.write(["reference": reference], to: tensors)

    var record = CaseRecord(.decode, "1920×1080 to \(Self.size)×\(Self.size)")
    record.items = files.count
    var contestants = try [1, 4].map { denominator -> Contestant in
      let output = try Tensor.stacked(files.map { try prepared($0, reducedBy: denominator) })
      return .ours(
        nil, name: denominator == 1 ? "mcdrl" : "mcdrl, DCT scale 1/\(denominator)",
        difference: try output.difference(from: reference)
      ) {
        for file in files { _ = try prepared(file, reducedBy: denominator) }
      }
    }
    let ways = [
      ("pillow", "Pillow"), ("pillow-draft", "Pillow, draft mode"), ("pillow-simd", "Pillow-SIMD"),
      ("pillow-simd-draft", "Pillow-SIMD, draft mode"), ("opencv", "OpenCV, area"),
      ("opencv-reduced", "OpenCV, area, reduced by 4"), ("torchvision", "Pillow and torchvision"),
    ]
    contestants += ways.compactMap { way, name in
      // Pillow-SIMD replaces Pillow, so it needs a process without Pillow.
      context.peers.contestant(
        way.hasPrefix("pillow-simd") ? "pillow-simd" : "images", name: name,
        against: way.hasSuffix("draft") || way.hasSuffix("reduced") ? "mcdrl, DCT scale 1/4" : "mcdrl",
        precision: nil, work: "decode",
        [
          "way": .string(way), "files": .paths(files), "size": .integer(Self.size),
          "threads": .integer(context.options.threads), "tensors": .string(tensors.path),
        ])
    }
    try add(context.measure(record, contestants, context.pace()))
  }
}
