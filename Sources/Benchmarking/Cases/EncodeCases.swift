import CLIP
import Foundation
import Storage
import Studies
import Torch
import Training

/// CLIP image encoding in each precision.
///
/// The peers are transformers, open_clip, timm (eager and compiled), ONNX Runtime and OpenVINO.
struct EncodeCases {
  private let context: BenchmarkContext
  /// The tolerance of outputs; with random weights, int8 is imprecise.
  private static let tolerance = ["float32": 1e-3, "bfloat16": 0.05, "int8": 0.5]

  init(_ context: BenchmarkContext) { self.context = context }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    let few = context.quick && context.options.models.isEmpty
    // The recipe for hospitals has the trunk of `efficientNet`.
    let geometries = Geometry.all.filter { $0.id != Geometry.lite0.id }
    for geometry in context.geometries(few ? [.tiny, .baseline] : geometries) {
      let folder = try context.clipFolder(geometry)
      let onnx = context.options.device == .cpu ? exported(folder) : nil
      for batch in context.quick && geometry.id != "tiny" ? [1] : [1, 8] {
        try add(encode(geometry, folder, onnx: onnx, batch: batch))
      }
    }
  }

  private func encode(_ geometry: Geometry, _ folder: URL, onnx: String?, batch: Int) throws -> CaseRecord {
    let side = geometry.configuration.vision.imageSize
    let clip = try CLIPModel.load(folder: folder)
    let generator = try Generator(seed: context.options.seed, for: "pixels", geometry.id)
    let pixels = try Tensor.randomNormal([batch, 3, side, side], generator: generator)
    let reference = try inferenceMode { try clip.imageFeatures(pixels) }
    let tensors = context.options.work.appendingPathComponent("encode.safetensors")
    try SafetensorsFile.write(["pixels": pixels, "reference": reference], to: tensors)

    var record = CaseRecord(.encode, "\(geometry.name), batch \(batch)")
    record.items = batch
    record.operations =
      Double(batch)
      * MatrixWork.operations(
        geometry.configuration.vision, projection: geometry.configuration.projectionSize)

    let device = context.options.device
    guard device == .cpu else {
      return try context.measure(
        record, contestants(folder, pixels, reference: reference, on: device), context.pace())
    }
    var contestants: [Contestant] = []
    for precision in Precision.allCases {
      let encoder = try ImageEncoding(folder, precision)
      contestants.append(
        .ours(precision.rawValue, difference: try encoder(pixels).difference(from: reference)) {
          _ = try encoder(pixels)
        })
      contestants += try MatrixProduct.contestants(side: 2048, precision)
    }
    contestants += peers(geometry, folder, onnx: onnx, tensors: tensors)
    return context.measure(record, contestants, context.pace())
  }

  private func peers(_ geometry: Geometry, _ folder: URL, onnx: String?, tensors: URL) -> [Contestant] {
    var request: [String: JSONValue] = [
      "folder": .string(folder.path), "tensors": .string(tensors.path),
      "threads": .integer(context.options.threads),
    ]
    var found = geometry.peers.flatMap { peer in
      ["float32", "bfloat16"].compactMap { precision in
        context.peers.contestant(
          peer, precision: precision, work: "encode", request,
          tolerance: Self.tolerance[precision])
      }
    }
    guard let onnx else { return found }
    request["onnx"] = .string(onnx)
    let vision = geometry.configuration.vision
    // The integer products of ONNX Runtime are for transformers, as ours are.
    let isTransformer = vision.stages == nil && vision.trunk == nil
    let runtimes = [
      ("onnxruntime", "float32"), ("onnxruntime", "int8"), ("openvino", "float32"), ("openvino", "bfloat16"),
    ]
    found += runtimes.filter {
      $0.1 != "int8" || !context.quick && isTransformer
    }.compactMap { peer, precision in
      context.peers.contestant(
        peer, precision: precision, work: "encode", request, tolerance: Self.tolerance[precision])
    }
    return found
  }

  /// Exports the tower to ONNX with PyTorch's exporter; nil without peers.
  private func exported(_ folder: URL) -> String? {
    guard let worker = try? context.peers.worker("exporter") else { return nil }
    let request: [String: JSONValue] = [
      "do": .string("prepare"), "handle": .string("export"), "case": .string("export"),
      "folder": .string(folder.path),
    ]
    do {
      return try worker.ask(request)["file"]?.text
    } catch {
      context.peers.miss("ONNX export of \(folder.lastPathComponent)", error)
      return nil
    }
  }
}

/// The encoder of this software in a precision; only here is its fastest call defined.
struct ImageEncoding {
  private let tower: CompiledImageTower

  init(_ folder: URL, _ precision: Precision) throws {
    tower = try CLIPModel.load(folder: folder, lazily: true).vision.compiled(for: precision)
  }

  /// Encodes normalised pixels B×3×S×S → embeddings B×d.
  func callAsFunction(_ pixels: Tensor) throws -> Tensor {
    try inferenceMode { try tower(pixels, dense: nil).image }
  }
}
