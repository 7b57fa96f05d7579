import CLIP
import Foundation
import Storage
import Studies
import Torch
import Training

/// The peak memory of a process during one kind of work, in a fresh process per contestant.
struct MemoryCases {
  let context: BenchmarkContext
  private var geometry: Geometry { context.geometry }

  func run(_ add: (CaseRecord) throws -> Void) throws {
    guard context.options.program != nil else {
      throw BenchmarkError.noProgram
    }
    // A choice of `lite0` alone measures the memory of its training.
    if context.options.models != [Geometry.lite0.id] {
      try add(encoding())
      try add(files())
    }
    if !context.quick { try training(add) }
  }

  private func encoding() throws -> CaseRecord {
    let folder = try context.clipFolder(geometry)
    let side = geometry.configuration.vision.imageSize
    let tensors = context.options.work.appendingPathComponent("memory.safetensors")
    let pixels = try Tensor.zeros([8, 3, side, side])
    try SafetensorsFile.write(
      ["pixels": pixels, "reference": .zeros([8, geometry.configuration.projectionSize])], to: tensors)
    var record = CaseRecord(.memory, "\(geometry.name), encoding batches of 8")
    record.unit = .bytes
    record.contestants = Precision.allCases.map { own(.encode, $0) }
    let onnx = folder.appendingPathComponent("vision.onnx")
    var peers = geometry.peers.flatMap { peer in ["float32", "bfloat16"].map { (peer, $0) } }
    if FileManager.default.fileExists(atPath: onnx.path) {
      peers += [("onnxruntime", "float32"), ("openvino", "float32"), ("openvino", "bfloat16")]
    }
    record.contestants += peers.compactMap { peer, precision in
      self.peer(
        peer, name: peer, precision, "encode",
        [
          "folder": .string(folder.path), "tensors": .string(tensors.path), "onnx": .string(onnx.path),
        ])
    }
    return told(record)
  }

  private func files() throws -> CaseRecord {
    let frames = try Frames.write(
      context.quick ? 4 : 32, to: context.folder("memory-frames"), seed: context.options.seed)
    let models = try Models(context, geometry)
    var record = CaseRecord(.memory, "\(geometry.name), a folder of \(frames.count) frames to masks")
    record.unit = .bytes
    record.contestants = Precision.allCases.map { own(.files, $0) }
    let out = try context.folder("memory-masks")
    record.contestants += ["pillow", "opencv"].flatMap { way in
      ["float32", "bfloat16"].compactMap { precision in
        peer(
          "pytorch", name: (way == "pillow" ? "Pillow" : "OpenCV") + " and PyTorch", precision, "files",
          [
            "way": .string(way), "files": .paths(frames), "folder": .string(out.path),
            "batch": .integer(min(8, frames.count)), "weights": .string(models.weights.path),
            "settings": .string(models.settings.path),
          ])
      }
    }
    return told(record)
  }

  func told(_ record: CaseRecord) -> CaseRecord {
    for contestant in record.contestants {
      let value = contestant.spread.map { BenchmarkTable.size($0.median) } ?? contestant.failure ?? "–"
      context.note("  \(record.name): \(contestant.name) \(contestant.precision ?? "") \(value)")
    }
    return record
  }

  private func own(_ work: MemoryProbe.Work, _ precision: Precision) -> ContestantRecord {
    own(MemoryProbe(work: work, geometry: geometry.id, precision: precision))
  }

  /// Measures this software in a fresh process.
  func own(_ probe: MemoryProbe, name: String = "mcdrl") -> ContestantRecord {
    var record = ContestantRecord(name, .ours, precision: probe.precision.rawValue)
    do {
      let program = context.options.program ?? []
      let worker = try PeerWorker(
        "mcdrl",
        command: program + [
          "--probe", probe.text, "--work", context.options.work.path, "--threads",
          "\(context.options.threads)", "--seed", "\(context.options.seed)",
        ], log: context.options.work.appendingPathComponent("peers.log"))
      guard let peak = try worker.ask([:]).number("peak") else {
        throw PeerError.lost(peer: "mcdrl", reason: "gave no peak")
      }
      record.samples = [peak]
    } catch {
      record.failure = "\(error)"
    }
    return record
  }

  /// Measures a peer in a fresh process; nil if there are no peers.
  func peer(
    _ peer: String, name: String, _ precision: String, _ work: String, _ request: [String: JSONValue],
    call: [String: JSONValue] = [:]
  ) -> ContestantRecord? {
    guard context.options.peers != nil else { return nil }
    var record = ContestantRecord(name, .peer, precision: precision)
    do {
      let worker = try context.peers.worker(peer, fresh: true)
      defer { worker.stop() }
      let handle = JSONValue.string("memory")
      var members = request
      members.merge([
        "do": .string("prepare"), "handle": handle, "case": .string(work), "peer": .string(peer),
        "precision": .string(precision), "threads": .integer(context.options.threads),
      ]) { $1 }
      _ = try worker.ask(members)
      let run: [String: JSONValue] = ["do": .string("run"), "handle": handle, "count": .integer(3)]
      _ = try worker.ask(run.merging(call) { $1 })
      guard let peak = try worker.ask(["do": .string("memory")]).number("peak") else {
        throw PeerError.lost(peer: peer, reason: "gave no peak")
      }
      record.samples = [peak]
    } catch {
      record.failure = "\(error)"
    }
    return record
  }
}
