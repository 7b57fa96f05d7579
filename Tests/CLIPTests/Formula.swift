import Foundation
import Storage
import Testing
import Torch

/// Numbers between offset − scale and offset + scale that depend on name and index only, as `reference.py` makes them.
func uniform(_ name: String, _ shape: [Int], scale: Double = 1, offset: Double = 0) throws -> Tensor {
  let seed = name.utf8.reduce(UInt32(0x811C_9DC5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  let count = shape.reduce(1, *)
  let values = [Float](unsafeUninitializedCapacity: count) { values, used in
    var index = 0
    while index < count {
      var x = UInt32(truncatingIfNeeded: index) &* 2_654_435_761 &+ seed
      x ^= x &>> 16
      x = x &* 0x45D_9F3B
      x ^= x &>> 16
      x = x &* 0x45D_9F3B
      x ^= x &>> 16
      values[index] = Float((Double(x) / 2_147_483_648 - 1) * scale + offset)
      index &+= 1
    }
    used = count
  }
  return try Tensor(values, shape: shape)
}

/// A model that `make_models.py` ran: its configuration file's content and the formula of each weight.
struct ReferenceModel: Decodable, Sendable, CustomTestStringConvertible {
  struct Weight: Decodable {
    let name: String
    let shape: [Int]
    let scale: Double
    let offset: Double
  }
  let name: String
  let config: JSONValue
  let size: [Int]
  let step: Int
  let tensors: [Weight]

  var testDescription: String { name }

  static let all: [ReferenceModel] =
    (try? JSONDecoder().decode([ReferenceModel].self, from: Data(contentsOf: fixture("models.json")))) ?? []

  /// Writes the model as a folder, with the file names that its names go with, and lends it.
  func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      let isOpen = config.members?["model_cfg"] != nil
      let (json, weights) =
        isOpen
        ? ("open_clip_config.json", "open_clip_model.safetensors") : ("config.json", "model.safetensors")
      try JSONEncoder().encode(config).write(to: folder.appendingPathComponent(json))
      let tensors = try tensors.map {
        ($0.name, try uniform($0.name, $0.shape, scale: $0.scale, offset: $0.offset))
      }
      try SafetensorsFile.write(
        Dictionary(uniqueKeysWithValues: tensors), to: folder.appendingPathComponent(weights))
      try writeByteVocabulary(folder)
      return try body(folder)
    }
  }
}

/// Writes a vocabulary of the 514 tokens that need no merges.
func writeByteVocabulary(_ folder: URL) throws {
  try Data("#version: 0.2\n".utf8).write(to: folder.appendingPathComponent("bpe_simple_vocab_16e6.txt"))
}
