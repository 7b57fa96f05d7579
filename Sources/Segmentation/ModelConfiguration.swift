import Foundation
import Storage
import Torch

/// The settings of a segmentation model beyond its image tower.
public struct ModelConfiguration: Equatable, Sendable {
  /// The method with its options.
  public var method = MethodChoice.mcdrl
  /// The name of the dense extractor: `tokens`, `maskclip` or `sclip`.
  public var dense = "maskclip"
  /// The head.
  public var head = HeadConfiguration()

  /// The defaults.
  public init() {}

  /// The layers of a tower whose outputs are asked for: the head's, or where it names none those of the method.
  func towerLayers(depth: Int) -> [Int] {
    let needed = method.traits.towerDepths.map { max(1, Int((Double(depth) * $0).rounded())) }
    return head.towerLayers.isEmpty ? Set(needed).sorted() : head.towerLayers
  }
}

extension MethodRegistry {
  /// The key under which a decoder's `userInfo` holds the registry; without it the built-in one is used.
  package static let userInfoKey = CodingUserInfoKey(rawValue: "mcdrl.methods")

  /// The registry that a decoder was given, or the built-in one.
  package init(of decoder: any Decoder) {
    self = Self.userInfoKey.flatMap { decoder.userInfo[$0] as? MethodRegistry } ?? .builtIn
  }

  /// Gives the registry to a decoder.
  package func prepare(_ decoder: JSONDecoder) {
    if let key = Self.userInfoKey { decoder.userInfo[key] = self }
  }
}

extension ModelConfiguration: Codable {
  private enum Keys: String, CodingKey { case method, options, dense, head }

  /// Reads the settings; the decoder's registry says which methods there are.
  ///
  /// - Throws: `DecodingError`, or `MethodError.unknown`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Keys.self)
    let choice = try MethodRegistry(of: decoder).method(named: container.decode(String.self, forKey: .method))
    method = try choice.with(json: container.decode(JSONValue.self, forKey: .options))
    dense = try container.decode(String.self, forKey: .dense)
    head = try container.decode(HeadConfiguration.self, forKey: .head)
  }

  /// Writes the settings, the options of the method beside its name.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(method.name, forKey: .method)
    try container.encode(method.json, forKey: .options)
    try container.encode(dense, forKey: .dense)
    try container.encode(head, forKey: .head)
  }
}
