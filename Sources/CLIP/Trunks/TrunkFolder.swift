import Foundation
import Storage
import Torch

/// A folder with a trained image trunk, in timm's form: `config.json` and `model.safetensors`.
///
/// `scripts/get-trunk` writes such folders.
public struct TrunkFolder: Sendable {
  /// The folder.
  public let folder: URL
  /// The architecture by its name in timm, without the tag of its weights.
  public let architecture: String
  /// The side of the training images in pixels.
  public let imageSize: Int
  /// The means of red, green, blue of the training images.
  public let mean: [Double]
  /// The standard deviations of red, green, blue of the training images.
  public let deviation: [Double]

  /// Reads `config.json`.
  ///
  /// - Parameter folder: the folder.
  /// - Throws: `FileError` or `CLIPError` that names the file and the setting.
  public init(_ folder: URL) throws {
    let file = folder.appendingPathComponent("config.json")
    let members = try JSONValue(json5File: file).members ?? [:]
    func refusal(_ key: String, _ value: JSONValue?, _ wanted: String) -> CLIPError {
      .badSetting(file, key: key, value: value?.text ?? "missing", wanted: wanted)
    }
    guard case .string(let name) = members["architecture"] else {
      throw refusal("architecture", members["architecture"], "it must be the name of an architecture of timm")
    }
    let settings = members["pretrained_cfg"]?.members ?? [:]
    func triple(_ key: String) throws -> [Double] {
      guard case .array(let items) = settings[key], items.count == 3 else {
        throw refusal("pretrained_cfg.\(key)", settings[key], "it must be a list of three numbers")
      }
      let numbers = items.compactMap(\.double).filter(\.isFinite)
      guard numbers.count == 3, key != "std" || numbers.allSatisfy({ $0 > 0 }) else {
        throw refusal("pretrained_cfg.\(key)", settings[key], "it must be a list of three numbers")
      }
      return numbers
    }
    guard case .array(let sides) = settings["input_size"], sides.count == 3,
      case .integer(let side) = sides[2], (16...4096).contains(side)
    else {
      throw refusal(
        "pretrained_cfg.input_size", settings["input_size"], "it must be 3, height and width in pixels")
    }
    architecture = String(name.prefix { $0 != "." })
    guard ImageTower.knows(trunk: architecture) else {
      throw refusal("architecture", members["architecture"], "supported: \(ImageTower.trunkNames)")
    }
    self.folder = folder
    imageSize = side
    mean = try triple("mean")
    deviation = try triple("std")
  }

  /// Loads the weights into an image tower of this architecture; the projection does not change.
  ///
  /// The classifier of the trunk has no place in the tower and is left out.
  ///
  /// - Parameter tower: the tower.
  /// - Throws: `FileError`, `SafetensorsError`, `CLIPError.pickledWeights`, or
  ///   `TorchError.parameters` that names the keys that are missing or unknown.
  public func load(into tower: ImageTower) throws {
    let file = try Checkpoint.find(folder)
    let tensors = try SafetensorsFile(file).tensors()
    let prefix = "visual.trunk."
    var weights = Dictionary(
      tensors.filter { !Self.isClassifier($0.key) }.map { (prefix + $0.key, $0.value) },
      uniquingKeysWith: { first, _ in first })
    for (key, tensor) in tower.state() where !key.hasPrefix(prefix) { weights[key] = tensor }
    try tower.load(weights, from: file.path, ignoring: Checkpoint.isIgnored)
    tower.learnsStatistics = false
  }

  /// Returns whether a tensor belongs to the classifier.
  private static func isClassifier(_ key: String) -> Bool {
    ["classifier.", "head.fc.", "head.weight", "head.bias"].contains { key.hasPrefix($0) }
  }
}
